"""The portal's assets: what they take from bars and from a table, and how they are found."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pandas as pd
import polars as pl
import pytest

from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import (
    InvalidAsset,
    MissingColumn,
    MissingValue,
    MultipleSymbolsFound,
    SymbolNotFound,
    UnknownSymbol,
    WrongColumnType,
)
from tests.data.frames import DAYS, daily, message_of


def test_assets_by_default_live_from_their_first_to_their_last_bar():
    bars = daily(["MSFT", "AAPL"]).filter(
        (pl.col("symbol") == "MSFT") | (pl.col("date") == DAYS[1])
    )

    apple, microsoft = PolarsDataPortal(bars).assets

    assert (apple.sid, apple.index, apple.symbol, apple.exchange) == (0, 0, "AAPL", "XNYS")
    assert (apple.start_date, apple.end_date, apple.auto_close_date) == (
        DAYS[1],
        DAYS[1],
        date(2012, 11, 24),
    )
    assert (apple.lot_size, apple.tick_size) == (Decimal(1), Decimal("0.01"))
    assert (microsoft.sid, microsoft.index) == (1, 1)
    assert (microsoft.start_date, microsoft.end_date) == (DAYS[0], DAYS[2])


def test_an_assets_table_overrides_what_it_tells_and_leaves_the_rest():
    assets = pl.DataFrame(
        {
            "symbol": ["MSFT", "AAPL"],
            "sid": [3, 24],
            "start_date": [date(2012, 1, 1), None],
            "end_date": [None, date(2012, 12, 31)],
            "auto_close_date": [date(2013, 1, 5), None],
            "lot_size": [Decimal("0.001"), None],
            "tick_size": [None, Decimal("0.05")],
        }
    )

    microsoft, apple = PolarsDataPortal(daily(), assets=assets).assets

    assert (microsoft.sid, microsoft.index, apple.sid, apple.index) == (3, 0, 24, 1)
    assert (microsoft.start_date, microsoft.end_date, microsoft.auto_close_date) == (
        date(2012, 1, 1),
        DAYS[2],
        date(2013, 1, 5),
    )
    assert (apple.start_date, apple.end_date, apple.auto_close_date) == (
        DAYS[0],
        date(2012, 12, 31),
        date(2013, 1, 1),
    )
    assert (microsoft.lot_size, microsoft.tick_size) == (Decimal("0.001"), Decimal("0.01"))
    assert (apple.lot_size, apple.tick_size) == (Decimal(1), Decimal("0.05"))


def test_bars_follow_the_order_of_the_sids():
    portal = PolarsDataPortal(
        daily(), assets=pl.DataFrame({"symbol": ["MSFT", "AAPL"], "sid": [3, 24]})
    )

    assert portal.daily["asset"].to_list() == [0, 1] * 3
    assert portal.daily["close"].to_list()[:2] == [201.0, 101.0]


def test_assets_without_a_sid_take_the_free_numbers_in_order_of_their_symbols():
    bars = daily(["A", "B", "C", "D"])

    portal = PolarsDataPortal(bars, assets=pl.DataFrame({"symbol": ["C", "B"], "sid": [0, None]}))

    assert [(asset.symbol, asset.sid) for asset in portal.assets] == [
        ("C", 0),
        ("A", 1),
        ("B", 2),
        ("D", 3),
    ]


def test_an_asset_may_have_dates_and_no_bars():
    assets = {"symbol": ["IBM"], "start_date": [DAYS[0]], "end_date": [DAYS[2]]}

    portal = PolarsDataPortal(daily(), assets=pl.DataFrame(assets))

    assert portal.asset("IBM").index == 1
    assert portal.daily["asset"].to_list() == [0, 2] * 3


def test_sids_and_sizes_from_pandas_and_csv_may_be_floats(tmp_path):
    frame = pd.DataFrame(
        {"symbol": ["MSFT", "AAPL"], "sid": [3.0, float("nan")], "lot_size": [0.1, float("nan")]}
    )
    frame.to_csv(tmp_path / "assets.csv", index=False)

    for assets in (frame, tmp_path / "assets.csv"):
        portal = PolarsDataPortal(daily(), assets=assets)
        assert [(one.symbol, one.sid, one.lot_size) for one in portal.assets] == [
            ("AAPL", 0, Decimal(1)),
            ("MSFT", 3, Decimal("0.1")),
        ]


@pytest.mark.parametrize(
    ("error", "table", "words"),
    [
        (MissingColumn, {"sid": [1]}, "assets must have a column 'symbol': has sid"),
        (InvalidAsset, {"symbol": ["AAPL", "AAPL"]}, "symbol must be unique in assets: was 'AAPL' twice"),
        (InvalidAsset, {"symbol": ["AAPL", "MSFT"], "sid": [7, 7]}, "sid must be unique in assets: was 7 for AAPL and MSFT"),
        (InvalidAsset, {"symbol": ["AAPL"], "sid": [-1]}, "sid must not be negative: was -1 in assets for AAPL"),
        (WrongColumnType, {"symbol": ["AAPL"], "sid": [1.5]}, "column 'sid' of assets must hold whole numbers: was 1.5 in"),
        (WrongColumnType, {"symbol": ["AAPL"], "sid": ["x"]}, "column 'sid' of assets must hold numbers: was String ('x'"),
        (WrongColumnType, {"symbol": ["AAPL"], "start_date": [5]}, "column 'start_date' of assets must hold dates: was Int64"),
        (InvalidAsset, {"symbol": ["AAPL"], "end_date": [date(2012, 1, 1)]}, "was 2012-01-01 before 2012-11-21 in assets for AAPL"),
        (InvalidAsset, {"symbol": ["AAPL"], "auto_close_date": [date(2012, 1, 1)]}, "auto_close_date must not be before start_date"),
        (InvalidAsset, {"symbol": ["AAPL"], "lot_size": [0.0]}, "lot_size must be finite and above zero: was 0.0 in assets for AAPL"),
        (InvalidAsset, {"symbol": ["AAPL"], "tick_size": [float("inf")]}, "tick_size must be finite and above zero: was inf"),
        (UnknownSymbol, {"symbol": ["IBM"]}, "assets must have bars, or both start_date and end_date: was IBM without"),
        (MissingValue, {"symbol": [None]}, "column 'symbol' of assets must not be null"),
    ],
)  # fmt: skip
def test_a_wrong_row_of_the_assets_is_an_error_that_names_it(error, table, words):
    assert words in message_of(error, assets=table)


def test_an_asset_is_found_in_either_case():
    portal = PolarsDataPortal(daily())

    assert portal.asset("aapl") is portal.asset("AAPL") is portal.assets[0]


def test_symbols_that_differ_only_in_case_are_kept_apart_when_written_exactly():
    portal = PolarsDataPortal(daily(["BRKA", "BRKa"]))

    assert portal.asset("BRKa").symbol == "BRKa"
    with pytest.raises(MultipleSymbolsFound, match="was 'brka', which may be BRKA and BRKa"):
        portal.asset("brka")


@pytest.mark.parametrize(
    ("symbol", "hint"), [("APPL", "did you mean 'AAPL'"), ("ZZZZ", "there are AAPL, MSFT")]
)
def test_an_unknown_symbol_is_an_error_that_helps(symbol, hint):
    with pytest.raises(UnknownSymbol, match=hint) as caught:
        PolarsDataPortal(daily()).asset(symbol)
    assert isinstance(caught.value, SymbolNotFound)


def test_a_symbol_that_is_no_text_is_a_type_error():
    with pytest.raises(TypeError, match=r"symbol must be text: was 24 \(int\)"):
        PolarsDataPortal(daily()).asset(24)
