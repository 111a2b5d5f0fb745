"""Whatever a broker and a feed say, a session goes on, fills nothing wrongly, and names
what it left out.

`RBTLIVE_FUZZ_CASES=10000 python -m pytest tests/faults/test_fuzz.py` tries as many
cases as wanted.
"""

from __future__ import annotations

import asyncio
import copy
import os
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

import rbtlive as rbt
from rbtlive.data.feeds.quarantine import IN_FLOODS
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.events import MarketDataEvent, OrderFillEvent, SystemErrorEvent
from rbtlive.runtime.engine.engine import TradingEngine
from rbtlive.runtime.journal.journal import Journal
from tests.brokers.test_alpaca_messages import (
    ANYTHING,
    FILL,
    ORDER,
    damaged_updates,
    stream,
    update,
)
from tests.builders import daily_frame, run, slices, until
from tests.data.loose_bars import nearly_bars
from tests.runtime.test_engine_broker import BookBroker

CASES = int(os.environ.get("RBTLIVE_FUZZ_CASES", "60"))
RUN_ID = ORDER["client_order_id"].rpartition("-")[0]
AMOUNT = -Decimal(ORDER["qty"])
DAYS = slices(daily_frame(8))


class SellsTen(rbt.TradingAlgorithm):
    """Sells what the order of the messages sells, once."""

    def initialize(self, context):
        """Nothing is ordered yet."""
        context.done = False

    def handle_data(self, context, data):
        """Sell."""
        if not context.done:
            context.done = True
            self.order(self.symbol("AAA"), AMOUNT)


class Whispers(BookBroker):
    """A broker whose stream says what a test wants it to.

    Attributes:
        reported: What was understood of it.
    """

    def __init__(self):
        super().__init__()
        self.stream, self.reported, self._messages = stream(), [], asyncio.Queue()

    async def events(self):
        """Yield what the messages say."""
        while True:
            event = self.stream.translate(await self._messages.get())
            if event is not None:
                self.reported.append(event)
                yield event
            self._messages.task_done()

    async def hears(self, message):
        """Let the stream say something, and return when it was understood."""
        self._messages.put_nowait(message)
        await self._messages.join()


@st.composite
def executions(draw):
    """A message about an execution that could have been: its numbers fit each other,
    not always those of others.
    """
    message = copy.deepcopy(FILL)
    quantity = draw(st.integers(1, 10))
    filled = draw(st.integers(quantity, 10))
    message["data"] |= {
        "event": draw(st.sampled_from(["fill", "partial_fill"])),
        "execution_id": draw(st.sampled_from(["one", "two", "three", "four"])),
        "qty": str(quantity),
        "price": draw(st.sampled_from(["101.5", "99", "0.01"])),
    }
    sides = st.sampled_from(["sell", "sell", "sell", "buy"])
    ids = st.sampled_from([f"{RUN_ID}-1"] * 4 + [f"{RUN_ID}-2", "OTHER-1"])
    message["data"]["order"] |= {
        "filled_qty": str(filled),
        "side": draw(sides),
        "client_order_id": draw(ids),
    }
    return message


news = st.sampled_from(
    ["new", "canceled", "expired", "rejected", "replaced", "pending_cancel"]
).map(update)
messages = executions() | executions() | damaged_updates() | news | ANYTHING
days = st.integers(2, 7).map(lambda number: DAYS[number])
items = nearly_bars | days | st.lists(nearly_bars | ANYTHING, max_size=3) | ANYTHING
sayings = st.lists(
    st.tuples(st.just("broker"), messages) | st.tuples(st.just("feed"), items), max_size=10
)


END = object()


async def until_end(items):
    """Yield what a queue gives."""
    while (item := await items.get()) is not END:
        yield item


async def session_that_hears(said):
    """Return an engine that received all of it, its broker, and the events it
    processed.
    """
    broker, items, events = Whispers(), asyncio.Queue(), []
    engine = TradingEngine(
        SellsTen,
        broker,
        feed=until_end(items),
        portal=PolarsDataPortal(daily_frame()),
        frequency="1d",
        journal=Journal.in_memory(run_id=RUN_ID),
        capital_base=Decimal(80_000),
    )
    engine.on_message = engine.core.state.on_message = lambda _level, _text: None
    for kind in (MarketDataEvent, SystemErrorEvent):
        engine.dispatcher.register_handler(kind, events.append)
    running = asyncio.create_task(engine.run())
    items.put_nowait(DAYS[0])
    items.put_nowait(DAYS[1])
    await until(lambda: running.done() or broker.book)
    for who, what in said:
        if who == "broker":
            await broker.hears(what)
        else:
            items.put_nowait(what)
    items.put_nowait(END)
    await running
    return engine, broker, events


def believable(reported):
    """Return the executions that can be: of our order, its way, each id once, and not
    beyond what was ordered.
    """
    found, filled = {}, Decimal(0)
    for event in reported:
        if not isinstance(event, OrderFillEvent) or event.order_id != f"{RUN_ID}-1":
            continue
        if event.execution_id in found or event.amount >= 0 or filled + event.amount < AMOUNT:
            continue
        found[event.execution_id] = event
        filled += event.amount
    return found


def said_at(count):
    """Return at which counts a flood of so many is said."""
    return [10**power for power in range(len(str(count))) if 10**power <= count]


@settings(max_examples=CASES, deadline=None, derandomize=True)
@given(sayings)
def test_whatever_broker_and_feed_say_a_session_goes_on_and_fills_nothing_wrongly(said):
    engine, broker, events = run(session_that_hears(said))

    core = engine.core
    expected = believable(broker.reported)
    assert engine.state == "stopped"
    assert core.state.orders.executions == set(expected)
    booked = {t.execution_id: (t.amount, t.price) for t in core.state.record.transactions}
    assert booked == {name: (event.amount, event.price) for name, event in expected.items()}
    assert core.state.portfolio.amount_of(core.state.assets[0]) == sum(
        (e.amount for e in expected.values()), Decimal(0)
    )
    assert core.state.portfolio.conservation_error() == 0
    named = [event for event in events if isinstance(event, SystemErrorEvent)]
    assert (
        sum("left out" in e.message and "alpaca" in e.source for e in named)
        == broker.stream.quarantined
    )
    # A feed also says what it has not left out: bars that wait, stamps that look odd.
    assert sum(event.source == "feed" for event in named) >= sum(
        len(said_at(count)) if reason in IN_FLOODS else count
        for reason, count in engine.feed._builder.quarantined.items()
    )
    given_bars = [event for event in events if isinstance(event, MarketDataEvent)]
    assert [event.timestamp for event in given_bars] == sorted(
        {event.timestamp for event in given_bars}
    )
