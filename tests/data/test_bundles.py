"""Bundles are names for data; csvdir's folder is read as zipline lays it out."""

from datetime import date

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.bundles import (
    UnknownBundle,
    bundles,
    csvdir_equities,
    ingest,
    load,
    register,
    unregister,
)
from rbtlive.errors import InvalidSetting, NotBuilt
from tests.data.shapes.plain import SYMBOLS, daily, same_daily

ALL = daily()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "daily").mkdir()
    for symbol in SYMBOLS:
        one = ALL.filter(pl.col("symbol") == symbol).drop("symbol")
        row = pl.int_range(pl.len())
        one = one.with_columns(
            dividend=pl.when(row == 5).then(0.25).otherwise(0.0),
            split=pl.when(row == 7).then(2.0).otherwise(1.0),
        )
        one.write_csv(tmp_path / "daily" / f"{symbol}.csv")
    return tmp_path


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    for name in list(bundles):
        unregister(name)


def test_csvdir_brings_bars_splits_and_dividends(folder):
    register("mine", csvdir_equities(["daily"], str(folder)), calendar_name="NYSE")
    ingest("mine")

    portal = load("mine")

    same_daily(portal, ALL)
    assert [float(split.ratio) for split in portal.splits] == [0.5] * 3
    assert [float(paid.amount) for paid in portal.dividends] == [0.25] * 3


def test_csvdir_takes_its_folder_from_the_environment(folder, monkeypatch):
    monkeypatch.setenv("CSVDIR", str(folder))
    register("mine", csvdir_equities())

    same_daily(load("mine"), ALL)
    same_daily(load("csvdir"), ALL)  # zipline's own name for it
    monkeypatch.delenv("CSVDIR")
    with pytest.raises(InvalidSetting, match="CSVDIR"):
        load("mine")


def test_a_name_stands_for_anything_that_is_read():
    register("frame", ALL)
    register("later", lambda: ALL)

    @register("decorated")
    def _bars():
        return ALL

    for name in ("frame", "later", "decorated"):
        same_daily(load(name), ALL)
    assert load("us-daily").first_session == rbt.load_sample().first_session


def test_run_algorithm_takes_a_bundle_by_its_name():
    register("mine", ALL)

    perf = rbt.run_algorithm(
        start="2023-01-03",
        end="2023-02-28",
        initialize=lambda context: None,
        capital_base=1e5,
        bundle="mine",
    )

    assert len(perf) == 39


def test_unknown_names_and_ingest_functions_are_refused():
    def ingest_function(environ, asset_db_writer, *rest): ...

    with pytest.raises(UnknownBundle, match="did you mean 'us-daily'"):
        load("us-dayly")
    with pytest.raises(UnknownBundle):
        unregister("none")
    with pytest.raises(NotBuilt, match="csvdir_equities"):
        register("mine", ingest_function)


def test_what_is_fetched_is_a_bundle_by_its_vendor_and_interval(tmp_path, monkeypatch):
    monkeypatch.setenv("RBTLIVE_CATALOG", str(tmp_path))
    from rbtlive.data.catalog.shelves import Shelf

    def keep(symbol, interval, frame, vendor="ccxt:binance"):
        span = (date(2023, 1, 3), date(2023, 4, 28))
        shelf = Shelf(tmp_path, vendor, interval, symbol)
        shelf.add(frame, span=span, calendar="XNYS", provenance={"at": "2024-01-01T00:00:00"})

    for symbol in SYMBOLS:
        keep(symbol, "1d", ALL.filter(pl.col("symbol") == symbol))
    weekly = rbt.resample(ALL, "1w").to_frame("1w").select(ALL.columns)
    keep("AAPL", "1w", weekly.filter(pl.col("symbol") == "AAPL"))
    keep("AAPL", "1w", weekly.filter(pl.col("symbol") == "AAPL"), vendor="stooq")

    same_daily(load("ccxt:binance"), ALL)
    same_daily(load("ccxt:binance/1d"), ALL)
    assert load("ccxt:binance/1w").interval.text == load("stooq").interval.text == "1w"
    with pytest.raises(UnknownBundle, match=r"ccxt:binance/1w"):
        load("ccxt:binance/1h")
