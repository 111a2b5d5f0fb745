"""One venue of days and one of minutes for all tests, each begun anew before a test."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tests.venue.process import minute_bars, shared_venue

MIDNIGHT = datetime(2024, 3, 2, tzinfo=UTC)
PAIRS = {"BTC/USD": 40_000.0, "ETH/USD": 2_000.0}


@pytest.fixture(scope="session")
def _daily_process():
    process = shared_venue("--start", "2005-01-03", "--end", "2005-06-30")
    yield process
    assert process.stop() == ""


@pytest.fixture(scope="session")
def _minute_process(tmp_path_factory):
    bars = tmp_path_factory.getbasetemp() / "minutes.parquet"
    if not bars.exists():
        minute_bars(bars)
    process = shared_venue("--bars", bars, "--frequency", "1m")
    yield process
    assert process.stop() == ""


@pytest.fixture
def venue(_daily_process):
    _daily_process.control("reset")
    return _daily_process


@pytest.fixture
def minute_venue(_minute_process):
    _minute_process.control("reset")
    return _minute_process


@pytest.fixture(scope="session")
def _crypto_process(tmp_path_factory):
    bars = tmp_path_factory.getbasetemp() / "pairs.parquet"
    minutes = 1500  # a day of UTC, and an hour
    pl.DataFrame([
        {"timestamp": MIDNIGHT + timedelta(minutes=n + 1), "symbol": symbol, "open": price + n, "high": price + n + 5,
         "low": price + n - 5, "close": price + n, "volume": 50.0}
        for n in range(minutes) for symbol, price in PAIRS.items()
    ]).write_parquet(bars)  # fmt: skip
    process = shared_venue(
        "--bars", bars, "--frequency", "1m", "--calendar", "24/7", "--crypto-fee-bps", "25"
    )
    yield process
    assert process.stop() == ""


@pytest.fixture
def crypto_venue(_crypto_process):
    _crypto_process.control("reset")
    return _crypto_process
