"""What bars must look like: every wrong value is an error of its own class that names
column, row, value and a way out.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from rbtlive.data.checking.schema import asset_column, first_round
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import (
    BarOutsideSession,
    DataError,
    DataWarning,
    DuplicateBar,
    EmptyData,
    HighBelowLow,
    InvalidPrice,
    InvalidVolume,
    MissingColumn,
    MissingValue,
    WrongColumnType,
)
from tests.data.frames import DAYS, at, daily, minutes, with_value


def message_of(
    error: type[DataError], frame: pl.DataFrame, *, minute: bool = False, calendar: str = "XNYS"
) -> str:
    with pytest.raises(error) as caught:
        PolarsDataPortal(
            None if minute else frame, minute_bars=frame if minute else None, calendar=calendar
        )
    assert type(caught.value) is error
    return str(caught.value)


@pytest.mark.parametrize("name", ["symbol", "open", "high", "low", "close", "volume"])
def test_a_missing_column_is_an_error_that_lists_what_is_there(name):
    message = message_of(MissingColumn, daily().drop(name))

    assert message.startswith(f"bars must have a column '{name}': has date, ")
    assert message.endswith("add it or rename one")


def test_a_column_in_capitals_is_named_as_the_one_to_rename():
    message = message_of(MissingColumn, daily().rename({"close": "Close"}))

    assert message == (
        "bars must have a column 'close': has date, symbol, open, high, low, Close, volume; rename "
        "'Close' to 'close'"
    )


def test_bars_without_any_time_lack_the_column_date():
    assert "must have a column 'date'" in message_of(MissingColumn, daily().drop("date"))


def test_minute_bars_need_a_timestamp_even_if_there_is_a_date():
    assert "minute_bars must have a column 'timestamp'" in message_of(
        MissingColumn, daily(), minute=True
    )


@pytest.mark.parametrize("name", ["open", "high", "low", "close"])
@pytest.mark.parametrize("value", [-0.01, math.inf, -math.inf])
def test_a_negative_or_infinite_price_is_an_error_that_names_the_bar(name, value):
    message = message_of(InvalidPrice, with_value(daily(), 3, {name: value}))

    assert message.startswith(
        f"{name} must be finite and not negative: was {value!r} in bars for MSFT on 2012-11-23; "
    )


@pytest.mark.parametrize("value", [-1, math.inf])
def test_a_negative_or_infinite_volume_is_an_error(value):
    frame = daily().with_columns(pl.col("volume").cast(pl.Float64))

    message = message_of(InvalidVolume, with_value(frame, 0, {"volume": value}))

    assert message.startswith(
        f"volume must be finite and not negative: was {float(value)!r} in bars for AAPL on "
        "2012-11-21"
    )


def test_a_high_below_the_low_is_an_error_that_tells_both():
    message = message_of(HighBelowLow, with_value(daily(), 5, {"high": 201.0, "low": 201.5}))

    assert message.startswith(
        "high must not be below low: was 201.0 with low 201.5 in bars for MSFT on 2012-11-26"
    )


@pytest.mark.parametrize("name", ["open", "high", "low", "volume"])
@pytest.mark.parametrize("value", [None, math.nan])
def test_a_value_missing_beside_a_close_is_an_error(name, value):
    frame = daily().with_columns(pl.col("volume").cast(pl.Float64))

    message = message_of(MissingValue, with_value(frame, 2, {name: value}))

    was = "null" if value is None else "nan"
    assert message.startswith(
        f"{name} must be there where the bar has a close: was {was} in bars for AAPL on 2012-11-23"
    )


def test_several_bad_rows_are_counted_and_the_first_is_named():
    frame = with_value(with_value(daily(), 1, {"low": -5.0}), 4, {"low": -6.0})

    assert "was -5.0 in bars for MSFT on 2012-11-21 (2 rows in all)" in message_of(
        InvalidPrice, frame
    )


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_row_without_close_is_a_missing_bar_whatever_else_it_holds(value):
    broken = {"close": value, "open": -1.0, "high": math.inf, "low": None, "volume": -3}

    portal = PolarsDataPortal(with_value(daily(), 3, broken))

    assert portal.daily.height == 5
    assert portal.daily.filter(pl.col("asset") == 1)["close"].to_list() == [201.0, 203.0]


def test_bars_of_nothing_but_missing_bars_are_an_error():
    assert "was empty" in message_of(
        EmptyData, daily().with_columns(close=pl.lit(None, dtype=pl.Float64))
    )
    assert "was empty" in message_of(EmptyData, daily().clear())


def test_a_duplicate_is_an_error_that_tells_both_closes():
    frame = pl.concat([daily(), with_value(daily(), 2, {"close": 102.5})[2:3]])

    message = message_of(DuplicateBar, frame)

    assert message.startswith(
        "(date, symbol) must be unique in bars: was there 2 times for AAPL on 2012-11-23, with "
        "close 102.0, 102.5"
    )


def test_a_duplicate_of_which_one_close_is_missing_is_none():
    frame = pl.concat([daily(), with_value(daily(), 2, {"close": None})[2:3]])

    assert PolarsDataPortal(frame).daily.height == 6


def test_a_duplicate_minute_is_an_error():
    message = message_of(DuplicateBar, minutes([at(14, 31), at(14, 32), at(14, 31)]), minute=True)

    assert message.startswith(
        "(timestamp, symbol) must be unique in minute_bars: was there 2 times for AAPL on "
        "2012-11-21 14:31:00 UTC"
    )


def test_two_daily_timestamps_within_one_session_are_a_duplicate():
    message = message_of(DuplicateBar, minutes([at(20, 0), at(21, 0)]))

    assert "one row a session and symbol: 1 rows are too many" in message


def test_a_bar_on_a_day_that_is_no_session_is_an_error_that_suggests_24_7():
    thanksgiving = date(2012, 11, 22)

    message = message_of(BarOutsideSession, daily(days=(DAYS[0], thanksgiving)))

    assert message.startswith(
        "date must be a session of XNYS: was AAPL on 2012-11-22 in bars (2 rows are not "
    )
    assert 'pass calendar="24/7"' in message
    assert PolarsDataPortal(daily(days=(DAYS[0], thanksgiving)), calendar="24/7").daily.height == 4


@pytest.mark.parametrize("day", [date(1960, 1, 4), date(9999, 1, 4)])
def test_a_bar_before_or_far_after_what_is_known_is_outside(day):
    assert f"was AAPL on {day}" in message_of(BarOutsideSession, daily(["AAPL"], [*DAYS, day]))


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("dtype", [pl.String, pl.Boolean, pl.Date])
def test_a_column_of_no_numbers_is_an_error_that_shows_a_value(name, dtype):
    frame = daily().with_columns(
        pl.lit({pl.String: "12.5", pl.Boolean: True, pl.Date: DAYS[0]}[dtype]).alias(name)
    )

    message = message_of(WrongColumnType, frame)

    assert message.startswith(f"column '{name}' of bars must hold numbers: was {dtype}")
    assert "AAPL on 2012-11-21" in message
    assert f"pl.col('{name}').cast(pl.Float64)" in message


@pytest.mark.parametrize(
    "dtype", [pl.Int8, pl.UInt16, pl.Int64, pl.Float32, pl.Float64, pl.Decimal(18, 2)]
)
def test_every_type_of_number_is_read(dtype):
    whole = daily(["AAPL"]).with_columns(open=64, high=66, low=62, close=65, volume=100)

    portal = PolarsDataPortal(
        whole.with_columns(pl.col("open", "high", "low", "close", "volume").cast(dtype))
    )

    assert portal.daily.row(0)[2:] == (64.0, 66.0, 62.0, 65.0, 100.0)
    assert set(portal.daily.dtypes[2:]) == {pl.Float64}


def test_decimals_are_read_exactly():
    frame = daily(["AAPL"]).with_columns(
        low=pl.lit(Decimal("0.07")), close=pl.lit(Decimal("99.9999"))
    )

    portal = PolarsDataPortal(frame)

    assert portal.daily["low"][0] == 0.07
    assert portal.daily["close"][0] == 99.9999


@pytest.mark.parametrize("value", [7, 2.5, True])
def test_symbols_that_are_no_text_are_an_error(value):
    message = message_of(WrongColumnType, daily().with_columns(symbol=pl.lit(value)))

    assert message.startswith("column 'symbol' of bars must hold text: was ")


def test_categories_are_text():
    names = pl.Enum(["MSFT", "AAPL"])

    assert [
        a.symbol for a in PolarsDataPortal(daily().cast({"symbol": pl.Categorical})).assets
    ] == [
        "AAPL",
        "MSFT",
    ]
    assert [a.symbol for a in PolarsDataPortal(daily().cast({"symbol": names})).assets] == [
        "AAPL",
        "MSFT",
    ]


@pytest.mark.parametrize(
    ("values", "what"),
    [({"symbol": None}, "null"), ({"symbol": ""}, "empty"), ({"date": None}, "null")],
)
def test_a_bar_without_symbol_or_date_is_an_error_that_names_the_other(values, what):
    message = message_of(MissingValue, with_value(daily(), 3, values))

    assert f"column '{next(iter(values))}' of bars must not be {what}" in message
    assert ("MSFT on an unknown date" if "date" in values else "2012-11-23") in message


def test_dates_may_be_text_or_midnights():
    expected = PolarsDataPortal(daily())
    days = pl.col("date")
    zoned = days.cast(pl.Datetime("ms")).dt.replace_time_zone("America/New_York")

    for column in (
        days.cast(pl.String),
        days.cast(pl.Datetime("ns")),
        zoned,
        days.cast(pl.Datetime("us")).dt.strftime("%FT%T"),
    ):
        assert PolarsDataPortal(daily().with_columns(date=column)).daily.equals(expected.daily)


def test_a_date_with_a_time_of_day_is_an_error_that_points_to_timestamp():
    frame = daily().with_columns(pl.col("date").cast(pl.Datetime("us")) + pl.duration(hours=16))

    message = message_of(WrongColumnType, frame)

    assert "must hold dates: was 2012-11-21 16:00:00 in AAPL on 2012-11-21 16:00:00" in message
    assert "'timestamp'" in message


@pytest.mark.parametrize("text", ["23/11/2012", "2012-13-01", "2012-11-23T16:00"])
def test_text_that_is_no_date_is_an_error_that_shows_it(text):
    frame = daily().with_columns(pl.col("date").cast(pl.String))

    message = message_of(WrongColumnType, with_value(frame, 3, {"date": text}))

    assert f"was {text!r} in MSFT on {text}" in message


def test_dates_as_whole_numbers_are_an_error():
    assert "must hold dates: was Int64 (20121121 in AAPL on 20121121)" in message_of(
        WrongColumnType, daily().with_columns(date=pl.lit(20121121, dtype=pl.Int64))
    )


def test_timestamps_as_whole_numbers_are_an_error():
    frame = minutes([at(14, 31)]).with_columns(timestamp=pl.lit(1353508260, dtype=pl.Int64))

    assert "must hold date-times (UTC, the END of the bar): was Int64" in message_of(
        WrongColumnType, frame, minute=True
    )


def test_a_daily_timestamp_is_the_end_of_its_bar_or_midnight_of_its_label():
    stamps = [at(21, 0), datetime(2012, 11, 23, tzinfo=UTC), at(15, 0, day=DAYS[2])]

    portal = PolarsDataPortal(minutes(stamps))

    assert [portal.calendar.label(n) for n in portal.daily["session"]] == list(DAYS)


def test_a_daily_timestamp_outside_every_session_is_an_error():
    assert "was AAPL on 2012-11-21 23:30:00 UTC" in message_of(
        BarOutsideSession, minutes([at(21, 0), at(23, 30)])
    )


def test_round_the_clock_a_daily_timestamp_at_midnight_ends_the_day_before():
    portal = PolarsDataPortal(minutes([datetime(2018, 3, 5, tzinfo=UTC)]), calendar="24/7")

    assert portal.calendar.label(portal.daily["session"][0]) == date(2018, 3, 4)


def test_dates_win_over_timestamps_in_daily_bars():
    frame = daily().with_columns(timestamp=pl.lit(datetime(2001, 1, 1, tzinfo=UTC)))

    assert PolarsDataPortal(frame).daily.equals(PolarsDataPortal(daily()).daily)


def test_minutes_without_a_time_zone_are_taken_as_utc_and_others_are_converted():
    frame = minutes([at(14, 31), at(14, 32)])
    naive = frame.with_columns(
        pl.col("timestamp").dt.replace_time_zone(None).cast(pl.Datetime("ms"))
    )
    local = frame.with_columns(pl.col("timestamp").dt.convert_time_zone("America/New_York"))
    text = frame.with_columns(
        pl.Series("timestamp", ["2012-11-21T09:31-05:00", "2012-11-21 14:32"])
    )

    for other in (naive, local, text):
        assert PolarsDataPortal(None, minute_bars=other).minute.equals(
            PolarsDataPortal(None, minute_bars=frame).minute
        )


def test_minutes_outside_the_session_are_left_out_with_one_warning_that_counts_them():
    stamps = [at(14, 30), at(14, 31), at(21, 0), at(21, 1), at(9, 0, day=DAYS[1])]

    with pytest.warns(DataWarning) as caught:
        portal = PolarsDataPortal(None, minute_bars=minutes(stamps))

    assert portal.minute["us"].to_list() == [
        int(stamp.timestamp()) * 1_000_000 for stamp in stamps[1:3]
    ]
    assert len(caught) == 1
    assert str(caught[0].message).startswith("3 of 5 minute_bars are left out")
    assert str(caught[0].message).endswith("the first is AAPL on 2012-11-21 14:30:00 UTC")
    assert caught[0].filename == __file__


def test_minutes_all_outside_the_session_are_an_error():
    message = message_of(EmptyData, minutes([at(3, 0), at(4, 0)]), minute=True)

    assert "in any of the 2 minute_bars, the first is AAPL on 2012-11-21 03:00:00 UTC" in message


@pytest.mark.parametrize(
    "line",
    [
        "",
        "A",
        "AAAA",
        "AAB",
        "ABAB",
        "ABABA",
        "ABABC",
        "ABBA",
        "ABBABBA",
        "ABCABD",
        "AABB",
        "BCABCA",
    ],
)
def test_symbols_are_numbered_alike_whether_they_go_round_or_not(line):
    symbols, numbers = (
        pl.Series("symbol", list(line), dtype=pl.String),
        {"B": 0, "C": 1, "A": 2, "D": 3},
    )

    assert asset_column(symbols, numbers).to_list() == [numbers[symbol] for symbol in line]
    assert set(first_round(symbols)) == set(line)


def test_further_columns_are_ignored():
    frame = daily().with_columns(adj_close=pl.lit("x"), note=pl.lit(None), sid=pl.lit(-1))

    assert PolarsDataPortal(frame).daily.equals(PolarsDataPortal(daily()).daily)
