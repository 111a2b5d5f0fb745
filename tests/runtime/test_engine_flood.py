"""A flood of bars: orders are on the disk before they can fill, the queue stays short,
and nothing of an order is lost.
"""

from __future__ import annotations

import asyncio

import rbtlive as rbt
from rbtlive.model.events import MarketDataEvent, OrderFillEvent, SystemErrorEvent
from rbtlive.runtime.clock import VirtualClock
from rbtlive.runtime.engine.feed_pump import BATCH
from rbtlive.runtime.journal.journal_reader import RowKind
from rbtlive.runtime.journal.opening import open_journal, open_run
from rbtlive.runtime.journal.state_folder import StateFolder
from tests.builders import daily_frame, run, until


def buying_every_bar():
    """Return a strategy that orders a share at each bar."""

    def initialize(context):
        context.asset = context.symbol("AAA")

    return {
        "__name__": "buying",
        "initialize": initialize,
        "handle_data": lambda context, _data: context.order(context.asset, 1),
    }


def test_an_order_is_stored_before_a_bar_can_fill_it(tmp_path):
    folder, seen = StateFolder(tmp_path), []

    async def life():
        engine = rbt.TradingEngine(
            buying_every_bar(),
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(daily_frame()),
            journal=open_journal(
                folder, "flood", header=lambda: {"strategy": "", "source": "", "settings": {}}
            ),
        )

        def look(fill):
            with open_run(folder, "flood") as stored:  # another connection sees what is committed
                intents = {row.data()["order_id"] for row in stored.rows_of_kind(RowKind.INTENT)}
            seen.append((fill.order_id, fill.order_id in intents))

        engine.dispatcher.register_handler(OrderFillEvent, look)
        await engine.run()
        return engine

    engine = run(life())

    assert len(seen) == len(engine.core.state.record.transactions) == 39
    assert all(stored for _order, stored in seen)


def test_a_flood_leaves_room_in_the_queue_and_whatever_else_comes_goes_first():
    count, order_of_events = 200, []

    async def life():
        engine = rbt.TradingEngine(
            buying_every_bar(), rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame()), queue_size=4
        )
        engine.dispatcher.register_handler(
            SystemErrorEvent, lambda _event: order_of_events.append("error")
        )
        engine.dispatcher.register_handler(
            MarketDataEvent, lambda _event: order_of_events.append("bar")
        )
        task = asyncio.create_task(engine.run())
        await until(lambda: order_of_events)
        for number in range(count):  # far more than the queue takes of bars
            engine.enqueue(
                SystemErrorEvent(
                    timestamp=engine.core.state.now, message=f"message {number}", source="test"
                )
            )
        await task
        return engine

    engine = run(life())

    first = order_of_events.index("error")
    assert order_of_events[first : first + count] == ["error"] * count
    assert order_of_events.count("bar") == 40
    assert engine.queue.accepted == 40 + count


def test_the_feed_hands_over_in_small_batches():
    async def life():
        engine = rbt.TradingEngine(
            {"__name__": "watching", "handle_data": lambda _context, _data: None},
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(daily_frame(sessions=3 * BATCH)),
            clock=VirtualClock(),  # on which no time passes, so that nobody rests
        )
        await engine.run()
        return engine

    engine = run(life())

    assert engine.meters.events == 3 * BATCH
    assert engine.queue.high_water <= BATCH
