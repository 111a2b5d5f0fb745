"""zipline's rules that come with its rounding: windows and bars around midnight."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

from rbtlive.data.portal import PolarsDataPortal
from tests.data.markets import FIRST, Run, bars
from tests.data.test_market import BOTH, RISING, portal, window


def round_the_clock(**flags: bool) -> Run:
    stamps = [datetime(2017, 1, 6, tzinfo=UTC) + timedelta(minutes=number) for number in (-1, 0)]
    days = bars({"A": [20.0, 21.0, 11.0]}, [date(2017, 1, 3), date(2017, 1, 4), date(2017, 1, 5)])
    data = PolarsDataPortal(days, minute_bars=bars({"A": [10.0, 11.0]}, stamps), calendar="24/7")
    session = data.calendar.number(date(2017, 1, 5))
    return Run(data, frequency="1m", start=session - FIRST, last=session - FIRST, **flags)


def test_the_last_minute_before_midnight_has_a_price_unless_windows_are_ziplines() -> None:
    exact, zipline = round_the_clock(), round_the_clock(round_history=True)

    for run in (exact, zipline):
        run.to_bar(run.market.first_session - FIRST)

    assert window(exact, "price", 2, frequency="1m") == [10, 11]
    assert window(zipline, "price", 2, frequency="1m") == [10, None]
    assert window(zipline, "close", 2, frequency="1m") == [10, 11]


def test_round_the_clock_zipline_fills_a_leading_day_from_a_session_further_back() -> None:
    exact, zipline = round_the_clock(), round_the_clock(round_history=True)

    for run in (exact, zipline):
        run.to_bar(run.market.first_session - FIRST, 0)

    assert window(exact, "price", 1) == [21]
    assert window(zipline, "price", 1) == [20]


def test_before_the_first_bar_nothing_is_read_not_even_from_the_end() -> None:
    run = Run(portal({"A": RISING}))

    market = run.market

    assert all(
        math.isnan(read(0))
        for read in (market.open_, market.high, market.low, market.close, market.price)
    )
    assert market.volume(0) == 0
    assert market.last_traded_us(0) == -1


@BOTH
def test_days_that_begin_at_midnight_are_seen_late_only_if_asked(live: bool) -> None:
    days = bars({"A": RISING}, [date(2017, 1, day) for day in range(3, 11)])
    data = PolarsDataPortal(days, calendar="24/7")
    first = data.calendar.number(date(2017, 1, 3)) - FIRST
    runs = [
        Run(data, start=first, last=first + 7, live=live, round_history=True, lag_at_midnight=late)
        for late in (False, True)
    ]

    for run in runs:
        run.to_bar(first + 3)

    assert [run.market.price(0) for run in runs] == [13, 12]
    assert [run.market.value_price(0) for run in runs] == [13, 13]
    assert [window(run, "close", 2) for run in runs] == [[12, 13], [11, 12]]
