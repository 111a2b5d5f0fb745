"""Events that cannot be, from a feed of one's own or from `engine.enqueue`: named, left
out, and the run is carried on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive.model.bar import Bar
from rbtlive.model.events import (
    CircuitBreakerEvent,
    Event,
    MarketDataEvent,
    OrderFillEvent,
    OrderRejectEvent,
    OrderUpdateEvent,
    ScheduledTriggerEvent,
)
from rbtlive.model.order_facts import OrderState
from tests.builders import Churn, Gated, daily_frame, processed, rows_of, run, same, whole


class OfOnesOwn(MarketDataEvent):
    """A class that no journal knows."""


def odd_bar(event, **changes):
    bar = next(iter(event.bars.values()))
    facts = {**{name: getattr(bar, name) for name in Bar.model_fields}, **changes}
    return MarketDataEvent.model_construct(
        timestamp=event.timestamp,
        priority=5,
        event_type="MarketDataEvent",
        bars={facts["symbol"]: Bar.model_construct(**facts)},
    )


def moved(event, by):
    bars = {
        symbol: bar.model_copy(update={"timestamp": bar.timestamp + by})
        for symbol, bar in event.bars.items()
    }
    return MarketDataEvent(timestamp=event.timestamp + by, bars=bars)


DAY = timedelta(days=1)
SLICES = {
    "twice": lambda event: event,
    "before all": lambda event: moved(event, -9 * DAY),
    "at an odd time": lambda event: moved(event, timedelta(minutes=7)),
    "of no session": lambda event: moved(event, 400 * 365 * DAY),
    "of an unknown symbol": lambda event: odd_bar(event, symbol="ZZZ"),
    "of a text": lambda event: odd_bar(event, close="twelve"),
    "of nothing": lambda event: odd_bar(event, close=None),
    "of NaN": lambda event: odd_bar(event, close=Decimal("NaN")),
    "huge": lambda event: odd_bar(event, high=Decimal("1e300"), close=Decimal("1e300")),
    "of another class": lambda event: OfOnesOwn(timestamp=event.timestamp + DAY, bars=event.bars),
    "no slice": lambda event: {"symbol": "AAA", "timestamp": event.timestamp},
    "None": lambda _event: None,
    "with a list of bars": lambda event: MarketDataEvent.model_construct(
        timestamp=event.timestamp + DAY, priority=5, event_type="MarketDataEvent", bars=[1]
    ),
    "without a time": lambda event: MarketDataEvent.model_construct(
        timestamp=None, priority=5, event_type="MarketDataEvent", bars={}
    ),
    "at a time without a zone": lambda event: MarketDataEvent.model_construct(
        timestamp=event.timestamp.replace(tzinfo=None),
        priority=5,
        event_type="MarketDataEvent",
        bars=event.bars,
    ),
}


@pytest.mark.parametrize("what", SLICES)
def test_a_slice_that_cannot_be_is_named_and_costs_nothing_else(tmp_path, what):
    class Poisoned(rbt.ReplayFeed):
        poisoned = False

        async def __aiter__(self):
            number = 0
            async for event in super().__aiter__():
                number += 1
                if number == 20 and not Poisoned.poisoned:
                    Poisoned.poisoned = True
                    yield event
                    yield SLICES[what](event)
                else:
                    yield event

    first = run(whole(Churn, tmp_path, feed=Poisoned(daily_frame()), name="p"))

    assert first.engine.ended
    assert same(first.result(), rbt.backtest(Churn, daily_frame()))
    assert first.parity().identical
    assert [row for row in rows_of(tmp_path, "p") if "SystemErrorEvent" in row]


def fill(core, **changes):
    facts = {
        "order_id": "1",
        "execution_id": "x",
        "amount": Decimal(1),
        "price": Decimal(10),
        **changes,
    }
    return OrderFillEvent(timestamp=core.now, **facts)


class Unknown(Event):
    """An event that no journal knows."""


OTHERS = {
    "a fill of 1e30": lambda core: fill(core, price=Decimal("1e30")),
    "a fill of no order": lambda core: fill(core, order_id="\u00b2"),
    "an update of no order": lambda core: OrderUpdateEvent(
        timestamp=core.now, order_id="0", status=OrderState.CANCELED
    ),
    "an update of a name": lambda core: OrderUpdateEvent(
        timestamp=core.now, order_id="\u0662", status=OrderState.CANCELED
    ),
    "a reject of no order": lambda core: OrderRejectEvent(
        timestamp=core.now, order_id="-1", reason="no"
    ),
    "a trigger of no name": lambda core: ScheduledTriggerEvent(
        timestamp=core.now, name="sesion_end"
    ),
    "a session of no calendar": lambda _core: ScheduledTriggerEvent(
        timestamp=datetime(1801, 1, 1, tzinfo=UTC), name="session_start"
    ),
    "a session of before": lambda core: ScheduledTriggerEvent(
        timestamp=core.now - 10 * DAY, name="before_trading_start"
    ),
    "a session of far ahead": lambda core: ScheduledTriggerEvent(
        timestamp=core.now + 20 * DAY, name="session_start"
    ),
    "an event of another class": lambda core: Unknown(timestamp=core.now),
    "a breaker with half a character": lambda core: CircuitBreakerEvent.model_construct(
        timestamp=core.now,
        priority=0,
        event_type="CircuitBreakerEvent",
        name="x",
        reason=b"bytes",
        action="halt",
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_an_event_that_cannot_be_is_named_and_the_run_is_carried_on(tmp_path, what):
    async def poisoned():
        feed = Gated(daily_frame(), 9)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path, name="p")
        await processed(session, 9)
        session.engine.enqueue(OTHERS[what](session.engine.core.state))
        feed.allow(10)
        await processed(session, 20)
        await session.stop()
        return session

    session = run(poisoned())
    carried = run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame()), name="p"))

    assert len(session.logs) == 1
    assert same(carried.result(), rbt.backtest(Churn, daily_frame()))
    assert carried.parity().identical
