"""The portal: what it makes of bars, assets, splits and dividends, and what it refuses."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbtlive.data.checking.corporate import Dividend, Split
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import (
    BadFrequency,
    BarOutsideSession,
    DataError,
    EmptyData,
    InvalidAsset,
    InvalidDividend,
    InvalidSetting,
    InvalidSplit,
    MissingColumn,
    MissingValue,
    MultipleSymbolsFound,
    NotAFrame,
    SettingsError,
    SymbolNotFound,
    UnknownCalendar,
    UnknownSymbol,
    WrongColumnType,
)
from tests.data.frames import COLUMNS, DAYS, at, daily, minutes, with_value

SPLITS = {"symbol": ["MSFT"], "effective_date": [date(2012, 11, 24)], "ratio": [0.5]}
DIVIDENDS = {
    "symbol": ["AAPL"],
    "ex_date": [DAYS[1]],
    "pay_date": [date(2012, 12, 1)],
    "amount": [0.41],
}


def message_of(error: type[Exception], **tables: object) -> str:
    with pytest.raises(error) as caught:
        PolarsDataPortal(daily(), **{name: pl.DataFrame(table) for name, table in tables.items()})
    assert type(caught.value) is error
    assert isinstance(caught.value, DataError)
    return str(caught.value)


# Bars


def test_daily_bars_are_numbered_sorted_and_typed():
    portal = PolarsDataPortal(daily())
    first = portal.calendar.number(DAYS[0])

    assert portal.daily.schema == {
        "session": pl.Int32,
        "asset": pl.Int32,
        "open": pl.Float64,
        "high": pl.Float64,
        "low": pl.Float64,
        "close": pl.Float64,
        "volume": pl.Float64,
    }
    assert portal.daily["session"].to_list() == [
        first,
        first,
        first + 1,
        first + 1,
        first + 2,
        first + 2,
    ]
    assert portal.daily["asset"].to_list() == [0, 1, 0, 1, 0, 1]
    assert portal.daily.row(3) == (first + 1, 1, 201.0, 203.0, 199.0, 202.0, 1001.0)
    assert (portal.first_session, portal.last_session) == (first, first + 2)
    assert portal.minute is None


@given(order=st.permutations(range(6)))
def test_the_order_of_rows_changes_nothing(order):
    expected = PolarsDataPortal(daily())

    portal = PolarsDataPortal(daily()[list(order)])

    assert portal.daily.equals(expected.daily)
    assert portal.fingerprint() == expected.fingerprint()


@pytest.mark.parametrize("frequency", ["1d", "1m"])
def test_a_portal_keeps_its_bars_when_the_pandas_frame_they_came_from_is_changed(frequency):
    bars = daily(["AAPL"]) if frequency == "1d" else minutes([at(14, 31), at(14, 32), at(14, 33)])
    frame = pd.DataFrame(bars.to_dict(as_series=False))
    portal = PolarsDataPortal.coerce(frame, frequency=frequency)

    frame.loc[:, list(COLUMNS)] = 7.0
    frame.iloc[0, 0] = frame.iloc[2, 0]

    assert portal.to_frame(frequency).equals(
        PolarsDataPortal.coerce(bars, frequency=frequency).to_frame(frequency)
    )


def test_minute_bars_are_numbered_sorted_and_typed():
    stamps = [at(14, 32), at(14, 31), at(14, 31, day=DAYS[2])]
    portal = PolarsDataPortal(None, minute_bars=minutes(stamps, ["MSFT", "AAPL"]))
    first = portal.calendar.number(DAYS[0])

    assert portal.minute.columns == [
        "us",
        "session",
        "asset",
        "open",
        "high",
        "low",
        "close",
        "volume",
    ]
    assert portal.minute.dtypes[:3] == [pl.Int64, pl.Int32, pl.Int32]
    assert portal.minute["us"].to_list() == [
        int(at(14, m, day=d).timestamp()) * 1_000_000
        for m, d in [(31, DAYS[0])] * 2 + [(32, DAYS[0])] * 2 + [(31, DAYS[2])] * 2
    ]
    assert portal.minute["session"].to_list() == [first] * 4 + [first + 2] * 2
    assert portal.minute["asset"].to_list() == [0, 1] * 3
    assert portal.minute["close"].to_list() == [202.0, 102.0, 201.0, 101.0, 203.0, 103.0]


def test_without_daily_bars_they_are_aggregated_by_session():
    stamps = [at(14, 32), at(14, 31), at(20, 59), at(15, 0, day=DAYS[2])]
    frame = with_value(minutes(stamps), 2, {"high": 500.0, "low": 1.5, "volume": 0.1})
    portal = PolarsDataPortal(None, minute_bars=frame)
    first = portal.calendar.number(DAYS[0])

    assert portal.daily.rows() == [
        (first, 0, 101.0, 500.0, 1.5, 103.0, 11.0 + 10.0 + 0.1),
        (first + 2, 0, 103.0, 105.0, 101.0, 104.0, 13.0),
    ]
    assert portal.daily.schema == PolarsDataPortal(daily()).daily.schema


def test_daily_and_minute_bars_together_stay_as_they_are():
    portal = PolarsDataPortal(daily(), minute_bars=minutes([at(14, 31)], ["AAPL", "IBM"]))

    assert [asset.symbol for asset in portal.assets] == ["AAPL", "IBM", "MSFT"]
    assert portal.daily["asset"].to_list() == [0, 2] * 3
    assert portal.minute["asset"].to_list() == [0, 1]
    assert portal.asset("IBM").start_date == portal.asset("IBM").end_date == DAYS[0]


def test_a_portal_without_bars_is_an_error():
    with pytest.raises(EmptyData, match="were both None"):
        PolarsDataPortal(None)


def test_bars_after_2030_lengthen_the_calendar():
    portal = PolarsDataPortal(daily(days=[*DAYS, date(2032, 3, 1)]))

    assert portal.calendar.label(portal.last_session) == date(2032, 3, 1)


def test_bars_after_the_last_known_session_are_an_error_that_names_the_first():
    bars = daily(["TCS"], [date(2012, 11, 21), date(2040, 3, 1)])

    with pytest.raises(BarOutsideSession, match="must be a session of XBOM: was TCS on 2040-03-01"):
        PolarsDataPortal(bars, calendar="XBOM")


def test_an_unknown_calendar_is_an_error_before_the_bars_are_read():
    with pytest.raises(UnknownCalendar, match="did you mean 'XNYS'"):
        PolarsDataPortal("nowhere.parquet", calendar="XNYZ")


# Assets


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


# Splits and dividends


def test_a_split_takes_effect_in_the_first_session_on_or_after_its_date():
    portal = PolarsDataPortal(daily(), splits=pl.DataFrame(SPLITS))

    assert portal.splits == (
        Split(asset=1, session=portal.calendar.number(DAYS[2]), ratio=Decimal("0.5")),
    )


def test_a_dividend_knows_its_dates_and_sessions():
    portal = PolarsDataPortal(daily(), dividends=pl.DataFrame(DIVIDENDS))
    number = portal.calendar.number

    assert portal.dividends == (
        Dividend(
            asset=0,
            ex_date=DAYS[1],
            ex_session=number(DAYS[1]),
            pay_date=date(2012, 12, 1),
            pay_session=number(date(2012, 12, 3)),
            pay_is_session=False,
            amount=Decimal("0.41"),
        ),
    )


def test_a_dividend_may_lack_its_pay_date():
    portal = PolarsDataPortal(daily(), dividends=pl.DataFrame(DIVIDENDS | {"pay_date": [None]}))

    assert portal.dividends[0].pay_date is None
    assert portal.dividends[0].pay_session is None
    assert not portal.dividends[0].pay_is_session


def test_a_share_may_pay_two_dividends_on_a_day():
    twice = {name: value * 2 for name, value in DIVIDENDS.items()} | {"amount": [3.0, 0.08]}

    assert [
        one.amount for one in PolarsDataPortal(daily(), dividends=pl.DataFrame(twice)).dividends
    ] == [
        Decimal("0.08"),
        Decimal(3),
    ]


def test_splits_and_dividends_come_sorted():
    days = [DAYS[2], DAYS[0], DAYS[0]]
    splits = pl.DataFrame(
        {"symbol": ["AAPL", "MSFT", "AAPL"], "effective_date": days, "ratio": [2, 3, 4]}
    )
    dividends = pl.DataFrame(
        {"symbol": ["AAPL", "MSFT", "AAPL"], "ex_date": days, "pay_date": days, "amount": [2, 3, 4]}
    )

    portal = PolarsDataPortal(daily(), splits=splits, dividends=dividends)

    assert [split.ratio for split in portal.splits] == [4, 3, 2]
    assert [dividend.amount for dividend in portal.dividends] == [4, 3, 2]


def test_tables_may_come_from_csv(tmp_path):
    pl.DataFrame(SPLITS).write_csv(tmp_path / "splits.csv")
    pl.DataFrame(DIVIDENDS).write_csv(tmp_path / "dividends.csv")

    portal = PolarsDataPortal(
        daily(), splits=tmp_path / "splits.csv", dividends=tmp_path / "dividends.csv"
    )

    expected = PolarsDataPortal(
        daily(), splits=pl.DataFrame(SPLITS), dividends=pl.DataFrame(DIVIDENDS)
    )
    assert portal.fingerprint() == expected.fingerprint()


def test_a_split_or_dividend_in_a_year_no_calendar_knows_is_an_error():
    far = [date(9999, 1, 4)]

    assert "was not in splits for MSFT on 9999-01-04" in message_of(
        InvalidSplit, splits=SPLITS | {"effective_date": far}
    )
    assert "were not in dividends for AAPL on 2012-11-23" in message_of(
        InvalidDividend, dividends=DIVIDENDS | {"pay_date": far}
    )


@pytest.mark.parametrize("ratio", [0.0, -2.0, float("nan"), float("inf"), None])
def test_a_split_without_a_positive_ratio_is_an_error(ratio):
    table = SPLITS | {"ratio": pl.Series([ratio], dtype=pl.Float64)}

    assert (
        f"ratio must be finite and above zero: was {ratio!r} in splits for MSFT on 2012-11-24"
        in message_of(InvalidSplit, splits=table)
    )


@pytest.mark.parametrize("amount", [-0.01, float("nan"), float("inf"), None])
def test_a_dividend_without_an_amount_is_an_error(amount):
    table = DIVIDENDS | {"amount": pl.Series([amount], dtype=pl.Float64)}

    message = message_of(InvalidDividend, dividends=table)

    assert (
        f"amount must be finite and not negative: was {amount!r} in dividends for AAPL on "
        "2012-11-23" in message
    )


def test_a_row_that_is_there_twice_is_an_error():
    splits = {name: value * 2 for name, value in SPLITS.items()} | {"ratio": [0.5, 0.25]}
    dividends = {name: value * 2 for name, value in DIVIDENDS.items()}

    assert "was twice in splits for MSFT on 2012-11-24" in message_of(InvalidSplit, splits=splits)
    assert "was twice in dividends for AAPL on 2012-11-23" in message_of(
        InvalidDividend, dividends=dividends
    )


@pytest.mark.parametrize(("name", "table"), [("splits", SPLITS), ("dividends", DIVIDENDS)])
def test_a_split_or_dividend_of_an_unknown_asset_is_an_error_that_suggests_one(name, table):
    message = message_of(UnknownSymbol, **{name: table | {"symbol": ["MSTF"]}})

    assert (
        message
        == f"symbol must be an asset of the data: was 'MSTF' in {name}; did you mean 'MSFT'?"
    )


@pytest.mark.parametrize(("name", "table"), [("splits", SPLITS), ("dividends", DIVIDENDS)])
def test_a_split_or_dividend_without_a_column_or_a_date_is_an_error(name, table):
    time = "effective_date" if name == "splits" else "ex_date"

    assert f"{name} must have a column '{time}'" in message_of(
        MissingColumn, **{name: {k: v for k, v in table.items() if k != time}}
    )
    assert f"column '{time}' of {name} must not be null" in message_of(
        MissingValue, **{name: table | {time: [None]}}
    )


# Looking up, taking over, recognising


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


def test_a_portal_is_taken_as_it_is():
    portal = PolarsDataPortal(daily())

    assert PolarsDataPortal.coerce(portal) is portal
    assert PolarsDataPortal.coerce(portal, frequency="1d", calendar="NYSE") is portal


def test_a_frame_is_daily_or_minute_bars_by_the_frequency():
    assert PolarsDataPortal.coerce(daily()).daily.height == 6
    assert PolarsDataPortal.coerce(daily(), calendar="24/7").calendar.name == "24/7"
    assert PolarsDataPortal.coerce(minutes([at(14, 31)]), frequency="1m").minute.height == 1


def test_minutes_wanted_of_a_portal_without_any_are_an_error():
    with pytest.raises(BadFrequency, match="must be '1d' for a portal without minute bars"):
        PolarsDataPortal.coerce(PolarsDataPortal(daily()), frequency="1m")


def test_a_frequency_that_is_no_interval_is_an_error():
    with pytest.raises(BadFrequency, match=r"must be an interval such as '1m'.*was '1y'"):
        PolarsDataPortal.coerce(daily(), frequency="1y")


def test_bars_that_do_not_add_up_to_a_frequency_are_an_error():
    with pytest.raises(BadFrequency, match=r"bars of '1d' add up to.*was '1h'"):
        PolarsDataPortal.coerce(PolarsDataPortal(daily()), frequency="1h")


def test_a_portal_of_another_calendar_is_an_error():
    with pytest.raises(
        SettingsError, match="calendar must be that of the portal, XNYS: was '24/7'"
    ):
        PolarsDataPortal.coerce(PolarsDataPortal(daily()), calendar="24/7")


def test_no_data_is_an_error():
    with pytest.raises(NotAFrame, match="was None"):
        PolarsDataPortal.coerce(None)


def test_the_fingerprint_tells_data_apart():
    portals = [
        PolarsDataPortal(daily()),
        PolarsDataPortal(with_value(daily(), 0, {"low": 98.00000000000001})),
        PolarsDataPortal(daily(), calendar="24/7"),
        PolarsDataPortal(daily(["AAPL", "MSFU"])),
        PolarsDataPortal(daily(), splits=pl.DataFrame(SPLITS)),
        PolarsDataPortal(daily(), dividends=pl.DataFrame(DIVIDENDS)),
        PolarsDataPortal(daily(), assets=pl.DataFrame({"symbol": ["AAPL"], "tick_size": [0.05]})),
        PolarsDataPortal(daily(), minute_bars=minutes([at(14, 31)])),
    ]

    assert len({portal.fingerprint() for portal in portals}) == len(portals)


def test_the_fingerprint_stays_the_same_for_ever():
    """Journals keep it: a change here means that old sessions no longer know their
    data.
    """
    assert PolarsDataPortal(daily()).fingerprint() == (
        "4cfe757993365dd27b568373142cb525a4ebac8d325ab0eaa4bed871d8abd238"
    )


def test_a_portal_says_what_it_holds():
    assert repr(PolarsDataPortal(daily())) == (
        "PolarsDataPortal(2 assets, 6 daily bars, 2012-11-21 to 2012-11-26, calendar XNYS)"
    )


# As people read them


def test_bars_are_shown_with_dates_and_symbols():
    portal = PolarsDataPortal(daily()[[3, 0, 2, 1, 5, 4]])

    shown = portal.to_frame()

    assert shown.schema == {
        "date": pl.Date,
        "symbol": pl.String,
        **dict.fromkeys(COLUMNS, pl.Float64),
    }
    assert shown.equals(daily().cast(dict.fromkeys(COLUMNS, pl.Float64)))
    assert PolarsDataPortal(shown).fingerprint() == portal.fingerprint()


def test_minute_bars_are_shown_with_their_end():
    stamps = [at(14, 32), at(14, 31), at(14, 31, day=DAYS[2])]
    portal = PolarsDataPortal(None, minute_bars=minutes(stamps, ["MSFT", "AAPL"]))

    shown = portal.to_frame("1m")

    assert shown.equals(minutes(stamps, ["MSFT", "AAPL"]).sort("timestamp", "symbol"))
    assert shown.schema["timestamp"] == pl.Datetime("us", "UTC")
    assert portal.to_frame("1m", symbols="aapl", start=DAYS[1])["close"].to_list() == [203.0]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"symbols": "msft"}, [("MSFT", day) for day in DAYS]),
        (
            {"symbols": ["MSFT", "AAPL"], "end": "2012-11-22"},
            [("AAPL", DAYS[0]), ("MSFT", DAYS[0])],
        ),
        ({"start": DAYS[1], "end": DAYS[1]}, [("AAPL", DAYS[1]), ("MSFT", DAYS[1])]),
        ({"start": "2012-11-24", "symbols": ["AAPL"]}, [("AAPL", DAYS[2])]),
        ({"start": "2013-01-01"}, []),
        ({"symbols": []}, []),
    ],
)
def test_some_symbols_and_dates_are_shown(wanted, expected):
    assert PolarsDataPortal(daily()).to_frame(**wanted).select("symbol", "date").rows() == expected


def test_what_cannot_be_shown_is_an_error():
    portal = PolarsDataPortal(daily())

    with pytest.raises(BadFrequency, match="portal without minute bars: was '1m'"):
        portal.to_frame("1m")
    with pytest.raises(BadFrequency, match=r"bars of '1d' add up to.*was '1h'"):
        portal.to_frame("1h")
    with pytest.raises(UnknownSymbol, match="did you mean 'AAPL'"):
        portal.to_frame(symbols=["APPL"])
    with pytest.raises(InvalidSetting, match="start must be a date"):
        portal.to_frame(start="long ago")
