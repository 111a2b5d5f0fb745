"""One venue of days and one of minutes for all tests, each begun anew before a test."""

import pytest

from tests.venue.process import minute_bars, shared_venue


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
