"""More than can be processed: bars wait, what happened to orders is never refused, and
all of it is counted.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import rbtlive as rbt
from rbtlive.data.feeds.as_feed import StreamFeed
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.events import MarketDataEvent, OrderFillEvent, OrderUpdateEvent, SystemErrorEvent
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.clock import SystemClock
from tests.builders import daily_frame, processed, run, slices, until
from tests.runtime.test_engine_broker import BookBroker

SHARES = 400


class Large(rbt.TradingAlgorithm):
    """Orders many shares at its first bar."""

    def initialize(self, context):
        context.bars = context.fills = 0

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars == 1:
            self.order(self.symbol("AAA"), SHARES)

    def on_order_fill(self, context, order, transaction):
        context.fills += 1


class Burst:
    """A live source that gives a bar, and when it is reported to, all others as fast as
    they are taken.
    """

    def __init__(self, items):
        self.items, self.go = items, asyncio.Event()

    async def __aiter__(self):
        yield self.items[0]
        await self.go.wait()
        for item in self.items[1:]:
            yield item


def test_order_events_are_never_refused_while_the_queue_is_full_and_bars_wait():
    bars = slices(daily_frame(30))
    broker, order_of_arrival = BookBroker(), []

    async def pressed():
        source = Burst(bars)
        engine = rbt.TradingEngine(
            Large,
            broker,
            feed=source,
            portal=PolarsDataPortal(daily_frame(30)),
            queue_size=2,
            own_capital=True,
        )
        for kind in (MarketDataEvent, OrderFillEvent, SystemErrorEvent):
            engine.dispatcher.register_handler(kind, order_of_arrival.append)
        task = asyncio.create_task(engine.run())
        await until(lambda: engine.failure or broker.book)
        await until(
            lambda: (
                engine.failure or engine.order_manager.get_order("1").state is OrderState.PENDING
            )
        )
        queue, now = engine.queue, SystemClock().now()
        source.go.set()
        while not queue.refused:  # the feed has filled the queue, and waits
            queue.put(OrderUpdateEvent(timestamp=now, order_id="1", status=OrderState.PENDING))
            await asyncio.sleep(0)
        for number in range(SHARES):
            broker.fill(broker.sent[0], 1, execution_id=f"x{number}", reports=0)
            engine.enqueue(
                OrderFillEvent(
                    timestamp=now,
                    order_id="1",
                    execution_id=f"x{number}",
                    amount=Decimal(1),
                    price=Decimal(50),
                )
            )
        waiting = len(queue)
        await task
        return engine, waiting

    engine, waiting = run(pressed())

    assert waiting >= SHARES > engine.queue.maxsize
    assert engine.queue.high_water >= waiting
    assert engine.queue.accepted == engine.queue.taken
    assert engine.core.context.fills == SHARES
    assert engine.portfolio.amount_of(engine.core.state.assets[0]) == SHARES
    assert engine.core.context.bars == len(bars)
    kinds = [event.event_type for event in order_of_arrival]
    heard: dict[str, int] = {}  # a look at the broker's books may report an execution again
    for place, event in enumerate(order_of_arrival):
        if isinstance(event, OrderFillEvent):
            heard.setdefault(event.execution_id, place)
    assert len(heard) == SHARES
    taken = kinds[min(heard.values()) : max(heard.values()) + 1]
    assert set(taken) == {"OrderFillEvent"}, "no bar is taken before what happened to orders"
    assert "SystemErrorEvent" not in kinds


class Prints(StreamFeed):
    """A feed that has quotes and prints beside its bars, of which only the latest
    counts.
    """

    last_trades: dict[str, int]

    def __init__(self, source):
        super().__init__(source)
        self.last_trades, self.conflated = {}, 0

    def hear(self, symbol, price):
        self.conflated += symbol in self.last_trades
        self.last_trades[symbol] = price

    def stats(self):
        return {**super().stats(), "conflated": self.conflated}


def test_conflated_prints_are_counted_where_everybody_looks_and_cost_no_bar(tmp_path):
    bars = slices(daily_frame(6))

    async def heard():
        source = Burst(bars)
        feed = Prints(source)
        session = rbt.attach(
            Large,
            rbt.PaperBroker(),
            feed=feed,
            data=PolarsDataPortal(daily_frame(6)),
            journal=tmp_path,
        )
        await processed(session, 1)
        for price in range(500):
            feed.hear("AAA", price)
            feed.hear("BBB", -price)
        stats = dict(session.stats)
        source.go.set()
        await session.wait()
        return session, feed, stats

    session, feed, stats = run(heard())

    assert stats["conflated"] == session.stats["conflated"] == 998
    assert stats["dropped"] == 0
    assert feed.last_trades == {"AAA": 499, "BBB": -499}
    assert session.context.bars == 6
    assert session.parity().identical
