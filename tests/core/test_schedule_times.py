"""Scheduled times at which no bar ends are said when they are asked for."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.core.rules.schedule import time_rules
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.errors import RbtliveWarning


def minutes(calendar, *, every=1, days=3):
    """Return bars of some sessions of January 2024."""
    opened = get_calendar(calendar)
    first = opened.at_or_after(date(2024, 1, 8))
    ends = [
        us for n in range(first, first + days) for us in opened.minutes_us(n)[every - 1 :: every]
    ]
    stamps = [datetime.fromtimestamp(us / 1e6, UTC) for us in ends]
    prices = dict.fromkeys(("open", "high", "low", "close"), 10.0)
    return pl.DataFrame({"timestamp": stamps}).with_columns(
        pl.lit("AA").alias("symbol"),
        *(pl.lit(price).alias(name) for name, price in prices.items()),
        pl.lit(1e6).alias("volume"),
    )


def runs(calendar, rule, *, frequency="1m"):
    """Return how often a function ran, and what was warned of."""
    ran = []

    def rebalance(context, data):
        ran.append(data.current_dt)

    def initialize(context):
        context.schedule_function(rebalance, time_rule=rule)

    every = 1 if frequency == "1m" else int(frequency[:-1])
    frame = minutes(calendar, every=every)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rbt.backtest({"initialize": initialize}, frame, calendar=calendar, frequency=frequency)
    return len(ran), [str(one.message) for one in caught if one.category is RbtliveWarning]


@pytest.mark.parametrize(
    ("calendar", "rule", "where"),
    [
        ("XHKG", time_rules.market_open(hours=3), "within the lunch break of XHKG"),
        ("XTKS", time_rules.market_close(hours=3), "within the lunch break of XTKS"),
        ("XNYS", time_rules.market_open(hours=7), "behind the close of XNYS"),
        ("XNYS", time_rules.market_close(hours=6, minutes=30), "before the first bar of XNYS"),
        ("XNYS", time_rules.market_open(timedelta(seconds=90)), "between two minutes of XNYS"),
    ],
    ids=["open+3h", "close-3h", "open+7h", "close-6.5h", "seconds"],
)
def test_a_time_at_which_no_bar_ends_is_warned_of_once(calendar, rule, where):
    ran, said = runs(calendar, rule)

    assert ran == 0
    assert len(said) == 1
    assert f"the time of rebalance lies {where}" in said[0]


@pytest.mark.parametrize(
    ("calendar", "rule", "frequency"),
    [
        ("XHKG", time_rules.market_open(hours=2), "1m"),
        ("XHKG", time_rules.market_close(hours=3), "30m"),
        ("XNYS", time_rules.market_close(hours=6, minutes=29), "1m"),
        ("XNYS", time_rules.market_open(timedelta(seconds=90)), "5m"),
    ],
    ids=["open+2h", "close-3h of 30m", "close-6:29", "seconds of 5m"],
)
def test_a_time_that_has_a_bar_runs_and_nothing_is_said(calendar, rule, frequency):
    assert runs(calendar, rule, frequency=frequency) == (3, [])


def test_a_lunch_break_has_no_bar_of_a_quarter_of_an_hour():
    ran, said = runs("XHKG", time_rules.market_open(hours=3), frequency="15m")

    assert (ran, len(said)) == (0, 1)
