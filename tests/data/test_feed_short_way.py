"""The short way of ordinary bars leads where the long one does."""

import math
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.slices import SliceBuilder
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.model.bar import Bar
from tests.data.loose_bars import MINUTELY, at, fed


class Thorough(SliceBuilder):
    """Looks at every bar in full."""

    def _add_in_order(self, item):
        del item

    def _add_columns(self, items):
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
