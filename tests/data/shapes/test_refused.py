"""Arguments and sources that cannot be end in errors of ours, each with its own words."""

import math
from contextlib import suppress
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import (
    InvalidSetting,
    NotAFrame,
    RbtliveError,
    UnclearData,
    UnknownSymbol,
    WrongColumnType,
)
from tests.data.shapes.plain import FIELDS, daily, minutes, same_daily, titled

ALL, MINUTES = daily(), minutes()
STRATEGY = {"initialize": lambda context: None}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tz": "Berlin"}, "tz must name a time zone"),
        ({"tz": 5}, "tz must name a time zone"),
        ({"columns": "close"}, "columns must be a dict"),
        ({"symbol": 5}, "symbol must be text"),
        ({"symbol": ["AAPL", 5]}, "symbol must be text"),
        ({"labels": "middle"}, "labels must be"),
        ({"asset_class": "stock"}, "asset_class must be"),
    ],
)
def test_arguments_of_read_are_checked_first(given, words):
    with pytest.raises(InvalidSetting, match=words):
        rbt.read(ALL, **given)


@pytest.mark.parametrize(
    "given",
    [
        {"params": 5},
        {"params": [("fast", 1)]},
        {"start": pd.NaT},
        {"end": np.datetime64("NaT", "D")},
        {"start": math.nan},
        {"capital_base": math.nan},
        {"warmup": 10**18},
        {"frequency": "999999999m"},
        {"start": date.max},
        {"end": date.min},
    ],
)
def test_settings_of_a_backtest_that_cannot_be(given):
    with pytest.raises(RbtliveError):
        rbt.backtest(STRATEGY, ALL, **given)


def test_several_symbols_of_a_source_may_be_chosen():
    same_daily(rbt.read(ALL, symbol=["AAPL", "XOM"]), ALL.filter(pl.col("symbol") != "MSFT"))
    same_daily(rbt.read(ALL, symbol="MSFT"), ALL.filter(symbol="MSFT"))
    with pytest.raises(UnknownSymbol, match="did you mean 'MSFT'"):
        rbt.read(ALL, symbol="MFST")


def test_of_frames_and_columns_of_a_symbol_each_the_wanted_are_taken(tmp_path):
    """Before, several were ignored, and one named the bars of all."""
    frames = {symbol: titled(ALL, symbol) for symbol in ("AAPL", "MSFT", "XOM")}
    for symbol, frame in frames.items():
        frame.to_csv(tmp_path / f"{symbol}.csv")
    closes = ALL.pivot(on="symbol", index="date", values="close")  # noqa: PD010 - polars
    flat = ALL.with_columns(open="close", high="close", low="close", volume=pl.lit(1e12))
    for source, bars in (
        (frames, ALL),
        (pd.concat(frames, axis=1), ALL),
        (tmp_path, ALL),
        (closes, flat),
    ):
        two = rbt.read(source, symbol=["AAPL", "XOM"])
        same_daily(two, bars.filter(pl.col("symbol") != "MSFT"))
        same_daily(rbt.read(source, symbol="MSFT"), bars.filter(symbol="MSFT"))
        with pytest.raises(UnknownSymbol, match="did you mean 'MSFT'"):
            rbt.read(source, symbol=["AAPL", "MFST"])


def test_a_column_of_signals_beside_closes_is_no_symbol():
    closes = ALL.pivot(on="symbol", index="date", values="close")  # noqa: PD010 - polars

    with pytest.raises(UnclearData, match="'signal' may be none") as unclear:
        rbt.read(closes.with_columns(signal=pl.lit(1.0)))

    assert 'symbol=["AAPL", "MSFT", "XOM"]' in unclear.value.line
    lower = closes.rename(str.lower).with_columns(signal=pl.lit(1.0))
    assert len(rbt.read(lower).assets) == 4  # nothing shows it


def test_a_series_of_dividends_is_no_price():
    dates = pd.to_datetime(["2023-02-01", "2023-05-01"])

    for name in ("Dividends", "Stock Splits"):
        with pytest.raises(UnclearData, match="no column is named like a close"):
            rbt.read(pd.Series([0.2, 0.3], index=dates, name=name), symbol="AAPL")


def test_one_symbol_names_files_of_a_year_each(tmp_path):
    one = ALL.filter(symbol="AAPL").drop("symbol")
    one[:40].write_csv(tmp_path / "first.csv")
    one[40:].write_csv(tmp_path / "second.csv")

    same_daily(rbt.read(tmp_path, symbol="AAPL"), ALL.filter(symbol="AAPL"))


@pytest.mark.parametrize(
    "column",
    [
        pl.concat_list("close"),
        pl.struct("close", "open"),
        pl.col("close").cast(pl.String).cast(pl.Binary),
        pl.col("date"),
    ],
)
def test_prices_that_are_no_numbers(column):
    with pytest.raises(WrongColumnType, match="'close' of the source must hold numbers"):
        rbt.read(ALL.with_columns(column.alias("close")))


def test_symbols_that_are_no_text():
    with pytest.raises(WrongColumnType, match="must hold symbols"):
        rbt.read(ALL.with_columns(pl.concat_list("symbol").alias("symbol")))


def holding_itself():
    held = {}
    held["bars"] = held
    return held


@pytest.mark.parametrize(
    "source",
    [
        np.array(5),
        np.ones((2, 3, 4)),
        np.array([[object()] * 6] * 2),
        np.ones((3, 6)) * 1j,
        pd.DataFrame({"date": pd.date_range("2023-01-03", periods=3), "close": [1j] * 3}),
        pd.DataFrame({"close": [1.0] * 3}, index=pd.interval_range(0, 3)),
        [{"close": 1}, [1, 2, 3]],
        [[]],
        [None],
        range(5),
        {"chart": {"result": [{"timestamp": [1], "meta": {}}]}},
        {"Time Series (Daily)": {}},
        {"data": [[1]], "columns": ["a", "b"]},
        {"date": [1, 2], "close": [1]},
        holding_itself(),
        pl.DataFrame(),
        ALL.clear(),
        ALL.with_columns(date=pl.lit(2**62) + pl.int_range(pl.len())),
        ALL.with_columns(date=pl.lit(math.inf)),
        ALL.with_columns(symbol=pl.lit("x" * 100_000), date=pl.lit(None)),
        ALL.with_columns(close=pl.lit(math.inf)),
        ALL.with_columns(volume=pl.lit(-1.0)),
        len,
        rbt,
    ],
)
def test_sources_that_hold_no_bars(source):
    with pytest.raises(RbtliveError):
        rbt.read(source, symbol="A")


def test_an_answer_that_only_begins_like_a_vendors_says_what_it_lacks():
    with pytest.raises(NotAFrame, match="lacks 'indicators'"):
        rbt.read({"chart": {"result": [{"timestamp": [1], "meta": {"symbol": "A"}}]}})


def test_values_at_the_edge_are_kept_to_the_digit():
    tiny = ALL.with_columns(pl.lit(1e-300).alias(name) for name in FIELDS)

    same_daily(rbt.read(tiny), tiny)


@pytest.mark.parametrize(
    "value",
    [Decimal("NaN"), Decimal("1e400"), object(), 1j, {"a": 1}],
    ids=["nan", "huge", "object", "complex", "mapping"],
)
@pytest.mark.parametrize("field", ["date", "close"])
def test_objects_that_polars_cannot_hold_are_read_or_refused(field, value):
    rows = ALL.filter(pl.col("symbol") == "AAPL").to_dicts()
    rows[1][field] = value
    frame = pd.DataFrame(rows)
    for take in (
        lambda: rbt.read(rows),
        lambda: rbt.read(frame),
        lambda: rbt.backtest(STRATEGY, frame),
    ):
        with suppress(RbtliveError):  # and nothing else: not even a panic of polars
            take()
