"""The portal: what it makes of bars, assets, splits and dividends, and what it refuses."""

from __future__ import annotations

from datetime import date

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import (
    BadFrequency,
    BarOutsideSession,
    EmptyData,
    InvalidSetting,
    NotAFrame,
    SettingsError,
    UnknownCalendar,
    UnknownSymbol,
)
from tests.data.frames import COLUMNS, DAYS, DIVIDENDS, SPLITS, at, daily, minutes, with_value

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


# Taking over, recognising


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
