"""Bars as sources give them, one by one, and the slices that a builder makes of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.model.events import MarketDataEvent

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
