"""Scheduled times at which no bar ends are said when they are asked for."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.core.rules.schedule import Always, ScheduledFunction, date_rules, time_rules
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


RULES = [
    (date_rules.every_day(), time_rules.market_open(), True),
    (date_rules.every_day(), time_rules.market_open(hours=3, minutes=1), True),
    (date_rules.every_day(), time_rules.market_close(minutes=30), False),
    (date_rules.week_end(), time_rules.market_close(), True),
    (date_rules.month_start(1), time_rules.market_open(minutes=95), True),
    (date_rules.every_day(), time_rules.every_minute(), True),
    (date_rules.week_start(), time_rules.every_minute(), False),
]


@pytest.mark.parametrize("gap", [1, 7, 400], ids=["every_minute", "gaps", "one_a_day"])
@pytest.mark.parametrize("name", ["XNYS", "24/7", "XHKG"])
def test_a_function_that_is_looked_at_only_when_it_does_not_rest_runs_at_the_same_bars(name, gap):
    """Half days, an hour more in the night and bars that are missing included."""
    calendar = get_calendar(name)
    first = calendar.at_or_after(date(2024, 10, 28))
    bars = [(n, us) for n in range(first, first + 50) for us in calendar.minutes_us(n).tolist()]
    counts: list[int] = []
    for rule in RULES:
        always, sometimes = (ScheduledFunction(print, *rule[:2], calendar, rule[2]) for _ in "ab")
        ran: list[tuple[bool, bool]] = []
        looks = 0
        for session, us in bars[::gap]:
            look = us >= sometimes.rests_until_us
            looks += look
            ran.append((always.is_due(session, us), look and sometimes.is_due(session, us)))

        assert all(one is other for one, other in ran)
        counts.append(sum(one for one, _ in ran))
        if gap == 1 and not isinstance(rule[1], Always):
            assert looks < 4 * 50
    assert gap > 1 or sum(count > 0 for count in counts) >= len(RULES) - 1  # one within a lunch


def test_a_function_that_another_one_adds_runs_at_the_same_bar():
    ran = []

    def second(_context, data):
        ran.append(data.current_dt)

    def first(context, _data):
        context.schedule_function(second, time_rule=time_rules.market_open(minutes=90))

    def initialize(context):
        context.schedule_function(first, time_rule=time_rules.market_open(minutes=90))

    rbt.backtest({"initialize": initialize}, minutes("XNYS", days=1), frequency="1m")

    assert len(ran) == 1


def test_a_function_that_handle_data_adds_while_all_others_rest_is_looked_at():
    ran = []

    def initialize(context):
        context.bars = 0
        context.schedule_function(lambda *_: ran.append("first"))

    def handle_data(context, _data):
        context.bars += 1
        if context.bars == 100:
            rule = time_rules.market_open(minutes=101)
            context.schedule_function(lambda *_: ran.append(context.bars), time_rule=rule)

    strategy = {"initialize": initialize, "handle_data": handle_data}
    rbt.backtest(strategy, minutes("XNYS", days=1), frequency="1m")

    assert ran == ["first", 101]


@pytest.mark.parametrize(
    ("calendar", "warned"), [("XTKS", 1), ("XASX", 1), ("XLON", 0), ("24/7", 0)]
)
def test_a_morning_after_the_close_is_warned_of_at_the_start(calendar, warned):
    """08:45 in New York lies after Asia's closes: the callback never runs there, as in zipline."""
    opened = get_calendar(calendar)
    first = opened.at_or_after(date(2024, 1, 8))
    days = [opened.label(number) for number in range(first, first + 5)]
    bars = pl.DataFrame({"date": days, "symbol": "A", "close": 5.0, "volume": 100})
    same = {name: pl.col("close") for name in ("open", "high", "low")}
    mornings: list[int] = []
    strategy = {"before_trading_start": lambda context, data: mornings.append(1)}

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        rbt.backtest(strategy, bars.with_columns(**same), calendar=calendar)
        rbt.backtest(
            {"handle_data": lambda context, data: None},
            bars.with_columns(**same),
            calendar=calendar,
        )

    text = [str(one.message) for one in said]
    assert len(text) == warned
    assert all(f"never runs on {calendar}" in one for one in text)
    assert len(mornings) == (0 if warned else len(days))
