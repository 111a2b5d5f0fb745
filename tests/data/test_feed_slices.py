"""From loose bars to slices: every slice of the calendar once and in order, whatever a
source does.
"""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.quarantine import IN_FLOODS
from rbtlive.data.feeds.slices import SliceBuilder
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.errors import BadFrequency
from rbtlive.model.bar import Bar, trusted_bar
from rbtlive.model.events import BarRevisedEvent, MarketDataEvent, SystemErrorEvent, trusted_slice

XNYS = get_calendar("XNYS")
DAILY = SlotAxis(XNYS, frequency="1d")
MINUTELY = SlotAxis(XNYS, frequency="1m")


def at(text):
    return datetime.fromisoformat(text + "Z")


def bar(stamp, symbol="A", **prices):
    return {
        "symbol": symbol,
        "timestamp": stamp,
        "open": 1,
        "high": 2,
        "low": 0.5,
        "close": 1.5,
        "volume": 9,
        **prices,
    }


def close(day):
    return at(f"{day}T21:00:00")


def slices_of(events):
    """Reduce events to (time, symbols) for slices, and "error" for the rest."""
    return [
        (e.timestamp, sorted(e.bars)) if isinstance(e, MarketDataEvent) else "error" for e in events
    ]


def fed(builder, *items):
    return [event for item in items for event in builder.add(item)]


def test_a_slice_is_closed_by_the_first_later_bar_or_by_the_end():
    builder = SliceBuilder(DAILY)

    assert fed(builder, bar(close("2020-01-02")), bar(close("2020-01-02"), "B")) == []
    assert slices_of(builder.add(bar(close("2020-01-03")))) == [(close("2020-01-02"), ["A", "B"])]
    assert slices_of(builder.finish()) == [(close("2020-01-03"), ["A"])]
    assert slices_of(builder.finish()) == []


def test_slots_without_bars_become_empty_slices():
    builder = SliceBuilder(DAILY)

    events = fed(builder, bar(close("2020-01-02")), bar(close("2020-01-08")))

    assert slices_of(events) == [
        (close("2020-01-02"), ["A"]),
        (close("2020-01-03"), []),
        (close("2020-01-06"), []),
        (close("2020-01-07"), []),
    ]
    assert (builder.slices, builder.empty, builder.bars) == (4, 3, 2)


def test_minute_slots_go_on_over_night_without_the_hours_between():
    builder = SliceBuilder(MINUTELY)

    events = fed(builder, bar(at("2020-01-02T20:58:00")), bar(at("2020-01-03T14:32:00")))

    assert slices_of(events) == [
        (at("2020-01-02T20:58:00"), ["A"]),
        (at("2020-01-02T20:59:00"), []),
        (at("2020-01-02T21:00:00"), []),
        (at("2020-01-03T14:31:00"), []),
    ]


def test_a_list_is_one_whole_slice_and_closes_at_once():
    builder = SliceBuilder(DAILY)

    events = fed(
        builder,
        bar(close("2020-01-02")),
        [bar(close("2020-01-03")), bar(close("2020-01-03"), "B")],
        [],
    )

    assert slices_of(events) == [(close("2020-01-02"), ["A"]), (close("2020-01-03"), ["A", "B"])]


def test_a_market_data_event_is_a_whole_slice_even_without_bars():
    builder = SliceBuilder(DAILY)
    full = MarketDataEvent(
        timestamp=close("2020-01-03"), bars={"A": Bar(**bar(close("2020-01-03")))}
    )

    events = fed(builder, MarketDataEvent(timestamp=close("2020-01-02"), bars={}), full)

    assert slices_of(events) == [(close("2020-01-02"), []), (close("2020-01-03"), ["A"])]
    assert events[1] == full


@pytest.mark.parametrize(
    "stamp",
    [
        close("2020-01-03"),
        at("2020-01-03T14:31:00"),
        at("2020-01-03T00:00:00"),
        at("2020-01-03T05:00:00"),
        date(2020, 1, 3),
        "2020-01-03",
        "2020-01-03T16:00:00-05:00",
        pd.Timestamp("2020-01-03 16:00", tz="America/New_York"),
        datetime(2020, 1, 3, 22, tzinfo=datetime.strptime("+0100", "%z").tzinfo),
    ],
)
def test_a_daily_bar_may_be_stamped_in_many_ways(stamp):
    if stamp == "2020-01-03":
        stamp += "T00:00:00Z"
    builder = SliceBuilder(DAILY)

    assert fed(builder, bar(stamp)) == []
    (event,) = builder.finish()

    assert event.timestamp == event.bars["A"].timestamp == close("2020-01-03")
    assert type(event.bars["A"].timestamp) is datetime


def test_round_the_clock_midnight_is_the_end_of_the_day_before_and_a_date_is_its_day():
    axis = SlotAxis(get_calendar("24/7"), frequency="1d")

    assert axis.slot_of(at("2020-01-03T00:00:00")) == axis.slot_of(date(2020, 1, 2))
    assert axis.slot_of(at("2020-01-02T12:00:00")) == axis.slot_of(date(2020, 1, 2))


BAD = {
    "nan": ("invalid", bar(close("2020-01-02"), close=math.nan)),
    "infinite": ("invalid", bar(close("2020-01-02"), high=math.inf)),
    "negative": ("invalid", bar(close("2020-01-02"), low=-1)),
    "negative volume": ("invalid", bar(close("2020-01-02"), volume=-1)),
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


def test_known_symbols_are_found_in_any_case_and_spelled_as_the_assets_are():
    builder = SliceBuilder(DAILY, symbols=["Brk.B"])

    fed(builder, bar(close("2020-01-02"), "BRK.b"))

    assert slices_of(builder.finish()) == [(close("2020-01-02"), ["Brk.B"])]


def test_the_clock_closes_what_is_over_and_later_bars_for_it_are_late():
    builder = SliceBuilder(MINUTELY, after=at("2020-01-02T14:31:00"))

    assert slices_of(builder.close_through(at("2020-01-02T14:32:30"))) == [
        (at("2020-01-02T14:32:00"), [])
    ]
    assert slices_of(
        fed(builder, bar(at("2020-01-02T14:33:00")), bar(at("2020-01-02T14:32:00"), "B"))
    ) == ["error"]
    assert slices_of(builder.close_through(at("2020-01-02T14:34:59"))) == [
        (at("2020-01-02T14:33:00"), ["A"]),
        (at("2020-01-02T14:34:00"), []),
    ]
    assert slices_of(builder.close_through(at("2020-01-02T14:34:59"))) == []
    assert builder.quarantined["out_of_order"] == 1


def test_a_run_taken_up_again_skips_what_is_not_later_and_fills_the_gap():
    builder = SliceBuilder(DAILY, after=close("2020-01-03"))

    events = fed(
        builder,
        *(bar(close(day)) for day in ("2020-01-02", "2020-01-03", "2020-01-07", "2020-01-06")),
    )

    assert slices_of(events) == [(close("2020-01-06"), []), "error"]
    assert builder.skipped == 2


def test_a_source_opened_again_may_repeat_itself():
    builder = SliceBuilder(DAILY)
    fed(builder, bar(close("2020-01-02")), bar(close("2020-01-03")))

    builder.take_up_again()
    events = fed(
        builder,
        *(bar(close(day)) for day in ("2020-01-02", "2020-01-03", "2020-01-06", "2020-01-03")),
    )

    assert slices_of(events) == [(close("2020-01-03"), ["A"])]
    assert (builder.skipped, builder.quarantined.total()) == (3, 0)


def test_a_bar_from_the_future_is_left_out_where_there_is_a_clock():
    builder = SliceBuilder(DAILY, latest=lambda: at("2020-01-03T21:00:05"))

    events = fed(builder, bar(close("2020-01-03")), bar(close("2020-01-06")), bar(date(2020, 1, 7)))

    assert slices_of(events) == ["error"]
    assert builder.quarantined == {"future": 2}
    assert slices_of(builder.finish()) == [(close("2020-01-03"), ["A"]), "error"]


def test_bars_beyond_the_last_session_end_the_feed():
    builder = SliceBuilder(DAILY, until=close("2020-01-03"))

    events = fed(builder, bar(close("2020-01-03")), bar(close("2020-01-06")))

    assert slices_of(events) == [(close("2020-01-03"), ["A"])]
    assert builder.ended
    assert slices_of(builder.close_through(close("2020-01-10"))) == []


def test_symbols_nobody_wants_only_tell_the_time():
    builder = SliceBuilder(DAILY, wants=lambda symbol: symbol == "A")

    events = fed(
        builder,
        bar(close("2020-01-02"), "B"),
        bar(close("2020-01-03"), "B"),
        bar(close("2020-01-03"), "A"),
    )

    assert slices_of([*events, *builder.finish()]) == [
        (close("2020-01-02"), []),
        (close("2020-01-03"), ["A"]),
    ]


def test_the_state_has_moved_on_before_the_events_are_taken():
    builder = SliceBuilder(DAILY)
    builder.add(bar(close("2020-01-02")))

    waiting = builder.add(bar(close("2020-01-07")))
    after = builder.add(bar(close("2020-01-08")))

    assert slices_of(waiting) == [
        (close("2020-01-02"), ["A"]),
        (close("2020-01-03"), []),
        (close("2020-01-06"), []),
    ]
    assert slices_of(after) == [(close("2020-01-07"), ["A"])]


def test_trusted_models_equal_checked_ones():
    checked = Bar(**bar(close("2020-01-02")))
    values = checked.model_dump()
    event = MarketDataEvent(timestamp=close("2020-01-02"), bars={"A": checked})

    fast = trusted_slice(close("2020-01-02"), {"A": trusted_bar(values)})

    assert (fast, fast.bars["A"]) == (event, checked)
    assert hash(fast.bars["A"]) == hash(checked)
    assert fast.model_dump() == event.model_dump()
    assert fast.model_dump_json() == event.model_dump_json()
    assert fast.model_copy(deep=True) == event
    assert repr(fast) == repr(event)
    assert fast.model_fields_set == event.model_fields_set


def test_an_unknown_frequency_is_refused():
    with pytest.raises(BadFrequency, match="was '1y'"):
        SlotAxis(XNYS, frequency="1y")


class Hostile:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    "item", [Hostile(), {"symbol": Hostile()}, bar(Hostile()), bar(close("2020-01-02"), Hostile())]
)
def test_what_cannot_even_be_printed_is_left_out_too(item):
    (error,) = SliceBuilder(DAILY).add(item)

    assert "unprintable Hostile: RuntimeError" in error.message


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
    | st.dates()
    | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
stamps = st.integers(0, 6).map(lambda days: close("2020-01-02") + timedelta(days=days))
fields = st.sampled_from([1, 2, 0.5, "1.25", Decimal(3)]) | anything
nearly_bars = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["A", "B", "\ud800"]) | anything,
        "timestamp": stamps | anything,
        "open": fields,
        "high": fields,
        "low": fields,
        "close": fields,
        "volume": fields,
    }
)


@settings(deadline=None, max_examples=300)
@given(st.lists(nearly_bars | st.lists(nearly_bars, max_size=3) | anything, max_size=8))
@example([bar(close(f"2020-01-0{day}"), volume=9 - n) for n, day in enumerate((2, 3, 2))])
def test_whatever_comes_slices_stay_in_order_and_complete_and_everything_else_is_named(items):
    builder = SliceBuilder(DAILY)

    events = [*fed(builder, *items), *builder.finish()]

    slots = [event.timestamp for event in events if isinstance(event, MarketDataEvent)]
    errors = [event for event in events if isinstance(event, SystemErrorEvent)]
    revised = [event.bar for event in events if isinstance(event, BarRevisedEvent)]
    assert len(slots) + len(errors) + len(revised) == len(events)
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


class Thorough(SliceBuilder):
    """Looks at every bar in full."""

    def _add_in_order(self, item):
        del item

    def _add_list_in_order(self, items):
        del items

    def next_alone(self, row):
        del row


def taken(builder, item):
    """Return what a feed gets for an item: a row may be a whole slice."""
    alone = builder.next_alone(item) if type(item) is dict else None
    return list(builder.add(item)) if alone is None else [alone]


OPEN_1M = at("2020-01-02T14:30:00")
MINUTE = timedelta(minutes=1)
EDGES = {
    "XNYS": at("2020-01-02T20:57:00"),
    "XHKG": at("2020-01-02T03:57:00"),  # the lunch break begins at 04:00 UTC and ends at 05:00
    "24/7": at("2020-01-02T23:57:00"),
}
minute_steps = st.sampled_from([0, 0, 0, 1, 1, 1, 1, 1, 2, -1, 0.5, 59, 62, 1050])
prices = st.sampled_from(
    [1.5, 2.0, 0.0, -0.0, 100.25, 1e-31, 1e31, 1e30, 3, "2.5", Decimal("1.10"), math.nan, -1.0]
)
minute_bars = st.tuples(
    minute_steps,
    st.sampled_from(["A", "B", "a", "C"]),
    st.sampled_from([1.5, 1.5, 1.5]) | prices,
    st.sampled_from(
        ["mapping", "mapping", "with more", "bar", "list", "whole", "decimals", "pair", "twice"]
    ),
)


def as_item(stamp, symbol, price, shape):
    facts = {
        "symbol": symbol,
        "timestamp": stamp,
        "open": price,
        "high": price,
        "low": price,
        "close": price,
        "volume": 1e6,
    }
    if shape == "decimals":
        try:
            return [Bar(**facts)]
        except (ValueError, ArithmeticError):
            return facts
    if shape == "bar":
        try:
            return Bar.of(facts)
        except (ValueError, ArithmeticError):
            return facts
    whole = {**facts, "volume": 1000}
    shapes = {
        "mapping": facts,
        "with more": {**facts, "trades": 7},
        "list": [facts],
        "whole": [whole],
        "pair": [whole, {**facts, "symbol": "B" if symbol == "A" else "A"}],
        "twice": [facts, whole],
    }
    return shapes[shape]


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(sorted(EDGES)),
    st.lists(minute_bars, max_size=30),
    st.booleans(),
    st.sampled_from([None, 3, 70]),
    st.sampled_from([None, ["A"], ["A"], ["A", "B"]]),
    st.sampled_from([None, 5, 100_000]),
)
def test_the_short_way_of_a_plain_bar_leads_where_the_long_one_does(
    calendar, steps, resumed, until, expected, present
):
    axis = SlotAxis(get_calendar(calendar), frequency="1m")
    first = EDGES[calendar]
    facts = {
        "symbols": ["A", "B", "C"],
        "wants": lambda symbol: symbol != "C",
        "after": first if resumed else None,
        "until": None if until is None else first + timedelta(minutes=until),
        "expected": expected,
        "latest": None if present is None else lambda: first + timedelta(minutes=present),
    }
    quick, thorough = SliceBuilder(axis, **facts), Thorough(axis, **facts)
    stamp = first

    for step, symbol, price, shape in steps:
        stamp += timedelta(minutes=step)
        item = as_item(stamp, symbol, price, shape)
        from_one, from_other = (taken(builder, item) for builder in (quick, thorough))

        assert from_one == from_other
        for name in ("bars", "slices", "empty", "skipped", "quarantined", "ended", "now"):
            assert getattr(quick, name) == getattr(thorough, name)
    assert list(quick.finish()) == list(thorough.finish())


def test_a_row_is_a_whole_slice_only_while_its_symbol_is_wanted_and_expected_alone():
    wanted = {"A", "B"}
    builder = SliceBuilder(MINUTELY, symbols=["A", "B"], wants=wanted.__contains__, expected=["A"])
    rows = [as_item(OPEN_1M + number * MINUTE, "A", 1.5, "mapping") for number in range(8)]
    fed(builder, rows[1], rows[2])

    alone = [builder.next_alone(row) is not None for row in (rows[3], rows[3], rows[5], rows[4])]
    builder.expect(["A", "B"])
    both = builder.next_alone(rows[5])
    wanted.discard("A")
    builder.expect(["A"])

    assert alone == [True, False, False, True]
    assert both is builder.next_alone(rows[5]) is None


def test_a_slice_that_leaps_and_comes_twice_is_taken_once_at_the_sources_end():
    builder = SliceBuilder(DAILY, symbols=["A"], latest=lambda: close("2024-06-03"))
    days = [
        trusted_slice(close(day), {"A": Bar(**bar(close(day)))})
        for day in ("2024-01-03", "2024-01-04", "2024-01-16", "2024-01-16")
    ]

    events = [*fed(builder, *days), *builder.finish()]

    taken = [e.timestamp for e in events if isinstance(e, MarketDataEvent) and e.bars]
    assert taken == [day.timestamp for day in days[:3]]
    assert builder.quarantined == {"duplicate": 1}
