"""Bars that fit nowhere are left out, named and counted, and stop nothing else."""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rbtlive.data.feeds.label_watch import ADVICE
from rbtlive.data.feeds.quarantine import IN_FLOODS
from rbtlive.data.feeds.slices import SliceBuilder
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.model.bar import Bar
from rbtlive.model.events import BarRevisedEvent, MarketDataEvent, SystemErrorEvent
from tests.data.loose_bars import (
    DAILY,
    MINUTELY,
    anything,
    at,
    bar,
    close,
    fed,
    nearly_bars,
    slices_of,
)

BAD = {
    "nan": ("invalid", bar(close("2020-01-02"), close=math.nan)),
    "infinite": ("invalid", bar(close("2020-01-02"), high=math.inf)),
    "negative": ("invalid", bar(close("2020-01-02"), low=-1)),
    "negative volume": ("invalid", bar(close("2020-01-02"), volume=-1)),
    "no price": ("invalid", bar(close("2020-01-02"), open=0, high=0, low=0, close=0)),
    "no open": ("invalid", bar(close("2020-01-02"), open=0.0, low=0.0)),
    "no price of a Bar": (
        "invalid",
        Bar(**bar(close("2020-01-02"), open=0, high=0, low=0, close=0)),
    ),
    "high below low": ("invalid", bar(close("2020-01-02"), high=1, low=2)),
    "beyond reason": ("invalid", bar(close("2020-01-02"), volume=Decimal("1E+999999"))),
    "too many digits": ("invalid", bar(close("2020-01-02"), close="1." + "1" * 60)),
    "huge integer": ("invalid", bar(close("2020-01-02"), volume=10**5000)),
    "text": ("wrong_type", bar(close("2020-01-02"), close="cheap")),
    "boolean": ("wrong_type", bar(close("2020-01-02"), close=True)),
    "none": ("wrong_type", bar(close("2020-01-02"), open=None)),
    "a missing field": (
        "wrong_type",
        {"symbol": "A", "timestamp": close("2020-01-02"), "close": 1},
    ),
    "no bar at all": ("wrong_type", 42),
    "nothing": ("wrong_type", None),
    "a frame": ("wrong_type", pd.DataFrame()),
    "a naive stamp": ("wrong_type", bar(datetime(2020, 1, 2, 21))),  # noqa: DTZ001
    "no time": ("wrong_type", bar(pd.NaT)),
    "numpy's missing time": ("wrong_type", bar(np.datetime64("NaT", "D"))),
    "a number as time": ("wrong_type", bar(1577998800)),
    "bad text as time": ("wrong_type", bar("yesterday")),
    "the end of time": ("outside_session", bar(datetime.max.replace(tzinfo=UTC))),
    "the beginning of time": ("outside_session", bar(datetime.min.replace(tzinfo=UTC))),
    "symbol is no text": ("wrong_type", bar(close("2020-01-02"), symbol=7)),
    "unknown symbol": ("unknown_symbol", bar(close("2020-01-02"), "ZZZ")),
    "a holiday": ("outside_session", bar(at("2020-01-01T21:00:00"))),
    "night": ("outside_session", bar(at("2020-01-02T23:00:00"))),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_bar_is_left_out_named_and_counted_and_stops_nothing(name):
    reason, item = BAD[name]
    builder = SliceBuilder(DAILY, symbols=["A", "B"])

    events = fed(builder, bar(close("2020-01-02"), "B"), item, bar(close("2020-01-03")))

    assert slices_of(events) == ["error", (close("2020-01-02"), ["B"])]
    assert dict(builder.quarantined) == {reason: 1}
    error = events[0]
    assert (error.source, error.timestamp) == ("feed", close("2020-01-02"))
    assert error.message.startswith("bar left out: ")
    assert len(error.message) <= 500


class Unreadable(dict):
    """A row whose values cannot be had."""

    def __getitem__(self, name):
        raise RuntimeError(f"no {name} here")


class Once(dict):
    """A row that is empty once a value was read."""

    def __getitem__(self, name):
        value = super().__getitem__(name)
        self.clear()
        return value


@pytest.mark.parametrize("kind", [Unreadable, Once])
@pytest.mark.parametrize("listed", [False, True])
def test_a_row_that_fails_when_it_is_read_is_left_out_and_named(kind, listed):
    builder = SliceBuilder(DAILY)
    row = kind(bar(close("2020-01-03")))

    events = fed(builder, bar(close("2020-01-02")), [row] if listed else row)
    events += builder.finish()

    (error,) = [event for event in events if isinstance(event, SystemErrorEvent)]
    assert "it cannot be read: " in error.message
    assert builder.slices == 1


def test_late_and_double_bars_are_left_out_by_name():
    builder = SliceBuilder(DAILY)

    events = fed(
        builder,
        bar(close("2020-01-03")),
        bar(close("2020-01-03"), close=1.25),
        bar(close("2020-01-02")),
        bar(close("2020-01-06")),
        bar(close("2020-01-03"), "B"),
        [bar(close("2020-01-07")), bar(close("2020-01-08"), "B")],
    )

    assert slices_of(events) == [
        "error",
        "error",
        (close("2020-01-03"), ["A"]),
        "error",
        (close("2020-01-06"), ["A"]),
        "error",
        (close("2020-01-07"), ["A"]),
    ]
    assert dict(builder.quarantined) == {"duplicate": 1, "out_of_order": 3}
    assert events[2].bars["A"].close == Decimal("1.5")


def test_minute_bars_in_a_daily_run_are_named_once_with_the_setting_they_need():
    builder = SliceBuilder(DAILY)
    opening = at("2020-01-02T14:31:00")
    minutes = [bar(opening + timedelta(minutes=n), close=1.5 + n / 1000) for n in range(90)]

    said = [event.message for event in fed(builder, *minutes)]

    assert len(said) == 2, "the first and the tenth"
    assert "its slice of 1d has a bar of this symbol already (bars of another length" in said[0]
    assert builder.quarantined == {"duplicate": 89}


def test_a_minute_bar_belongs_to_a_whole_minute_of_a_session():
    builder = SliceBuilder(MINUTELY)

    events = fed(
        builder,
        *(bar(at(f"2020-01-02T{t}")) for t in ("14:30:00", "14:31:30", "21:01:00", "14:31:00")),
    )

    assert slices_of(events) == ["error", "error"]
    assert 'labels="start"' in events[1].message
    assert builder.quarantined["outside_session"] == 3
    assert slices_of(builder.finish()) == [(at("2020-01-02T14:31:00"), ["A"])]


def test_a_bar_from_the_future_is_left_out_where_there_is_a_clock():
    builder = SliceBuilder(DAILY, latest=lambda: at("2020-01-03T21:00:05"))

    events = fed(builder, bar(close("2020-01-03")), bar(close("2020-01-06")), bar(date(2020, 1, 7)))

    assert slices_of(events) == ["error"]
    assert builder.quarantined == {"future": 2}
    assert slices_of(builder.finish()) == [(close("2020-01-03"), ["A"]), "error"]


class Hostile:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    "item", [Hostile(), {"symbol": Hostile()}, bar(Hostile()), bar(close("2020-01-02"), Hostile())]
)
def test_what_cannot_even_be_printed_is_left_out_too(item):
    (error,) = SliceBuilder(DAILY).add(item)

    assert "unprintable Hostile: RuntimeError" in error.message


FIRST, AGAIN = (bar(close("2020-01-02"), volume=volume) for volume in (2, 1))


@settings(deadline=None, max_examples=300)
@given(st.lists(nearly_bars | st.lists(nearly_bars, max_size=3) | anything, max_size=8))
@example([bar(close(f"2020-01-0{day}"), volume=9 - n) for n, day in enumerate((2, 3, 2))])
@example([[FIRST, AGAIN], AGAIN, FIRST])
def test_whatever_comes_slices_stay_in_order_and_complete_and_everything_else_is_named(items):
    builder = SliceBuilder(DAILY)

    events = [*fed(builder, *items), *builder.finish()]

    slots = [event.timestamp for event in events if isinstance(event, MarketDataEvent)]
    said = [event for event in events if isinstance(event, SystemErrorEvent)]
    errors = [error for error in said if ADVICE not in error.message]
    revised = [event.bar for event in events if isinstance(event, BarRevisedEvent)]
    assert len(slots) + len(said) + len(revised) == len(events)
    assert len(said) - len(errors) <= (len(revised) > 0)  # at most one, if bars change
    flooding = sum(builder.quarantined[reason] for reason in IN_FLOODS)
    assert builder.quarantined.total() - flooding <= len(errors) <= builder.quarantined.total()
    assert bool(errors) == bool(builder.quarantined)
    if slots:
        first, last = (SlotAxis.slot_of(DAILY, moment) for moment in (slots[0], slots[-1]))
        assert len(slots) == 1 + len(list(DAILY.slots(after_us=first, before_us=last + 1)))
        assert slots == sorted(set(slots))
    for event in events:
        bars = event.bars.values() if isinstance(event, MarketDataEvent) else ()
        assert all(b.timestamp == event.timestamp and b.low <= b.high for b in bars)
    assert {bar.timestamp for bar in revised} <= set(slots)
