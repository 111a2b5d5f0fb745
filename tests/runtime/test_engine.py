"""The engine by itself, in a loop of one's own and with a journal in memory."""

from __future__ import annotations

import asyncio

import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.model.events import MarketDataEvent, OperatorEvent
from rbtlive.runtime.journal.journal import Journal
from tests.builders import Churn, Gated, daily_frame, run, until


def engine_of(feed, strategy=Churn, **options):
    return rbt.TradingEngine(strategy, rbt.PaperBroker(), feed=feed, **options)


def figures(engine):
    return [
        (t.order_id, t.amount, t.price, t.commission) for t in engine.core.state.record.transactions
    ]


def test_an_engine_initializes_runs_and_shuts_down_when_its_feed_ends():
    states = []

    async def life():
        engine = engine_of(Gated(daily_frame(), 0))
        states.append(engine.state)
        task = asyncio.create_task(engine.run())
        await until(lambda: engine.state == "running")
        states.append(engine.state)
        engine.feed.allow(40)
        await task
        states.append(engine.state)
        return engine

    engine = run(life())

    assert states == ["starting", "running", "stopped"]
    assert engine.ended
    assert engine.journal.ended
    expected = rbt.backtest(Churn, daily_frame())
    rows = expected.transactions.select("order_id", "amount", "price", "commission").rows()
    assert figures(engine) == rows
    assert len(engine.order_manager) == len(expected.orders)
    assert engine.portfolio.cash == expected.context.portfolio.cash


def test_graceful_shutdown_drains_the_queue_and_writes_what_was_done():
    async def life():
        engine = engine_of(Gated(daily_frame(), 9))
        task = asyncio.create_task(engine.run())
        await until(lambda: engine.meters.events == 9)
        for action in ("pause", "resume", "pause"):
            engine.enqueue(OperatorEvent(timestamp=engine.core.state.now, action=action))
        assert len(engine.queue) == 3
        await engine.graceful_shutdown()
        await engine.graceful_shutdown()
        await task
        return engine

    engine = run(life())

    assert engine.state == "stopped"
    assert not engine.ended
    assert len(engine.queue) == 0
    assert engine.core.state.paused
    with pytest.raises(errors.EngineStopped, match="the engine has stopped"):
        engine.enqueue(OperatorEvent(timestamp=engine.core.state.now, action="pause"))
    with pytest.raises(errors.JournalUnwritable):
        engine.journal.append("note", "Late", timestamp=engine.core.state.now, payload={})


def test_a_full_queue_slows_the_feed_and_drops_nothing():
    async def life():
        engine = engine_of(rbt.ReplayFeed(daily_frame()), queue_size=2)
        await engine.run()
        return engine

    engine = run(life())

    assert engine.queue.high_water <= 2
    assert engine.queue.refused > 0
    assert engine.meters.events == 40
    assert len(engine.core.state.record.sessions) == 40


def test_a_cancelled_engine_keeps_what_was_done():
    journal = Journal.in_memory()

    async def life():
        engine = engine_of(Gated(daily_frame(), 6), journal=journal)
        task = asyncio.create_task(engine.run())
        await until(lambda: engine.meters.events == 6)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return engine

    engine = run(life())

    assert engine.state == "stopped"
    assert engine.failure is None
    assert engine.tasks.running == []


def test_an_abandoned_engine_processes_nothing_more():
    async def life():
        feed = Gated(daily_frame(), 6)
        engine = engine_of(feed)
        task = asyncio.create_task(engine.run())
        await until(lambda: engine.meters.events == 6)
        engine.abandon()
        engine.abandon()
        feed.allow(10)
        await task
        return engine

    engine = run(life())

    assert engine.state == "stopped"
    assert engine.meters.events == 6


def test_an_engine_that_is_abandoned_before_it_began_runs_no_callback():
    async def life():
        engine = engine_of(rbt.ReplayFeed(daily_frame()))
        engine.abandon()
        await engine.run()
        return engine

    engine = run(life())

    assert not hasattr(engine.core.context, "bars")


def test_the_loop_is_given_back_while_a_feed_bursts():
    turns = []

    async def life():
        engine = engine_of(rbt.ReplayFeed(daily_frame()))

        def slow(_event):
            deadline = engine.clock.monotonic_ns() + 6_000_000  # longer than a slice of time
            while engine.clock.monotonic_ns() < deadline:
                pass

        engine.dispatcher.register_handler(MarketDataEvent, slow)
        task = asyncio.create_task(engine.run())
        while not task.done():
            turns.append(engine.meters.events)
            await asyncio.sleep(0)
        await task

    run(life())

    assert len(set(turns)) >= 40, "another task had its turn between any two events"


def test_initialize_that_fails_fails_the_engine():
    def initialize(_context):
        raise KeyError("no such thing")

    engine = None

    async def life():
        nonlocal engine
        engine = engine_of(
            rbt.ReplayFeed(daily_frame()), {"__name__": "s", "initialize": initialize}
        )
        with pytest.raises(KeyError, match="no such thing"):
            await engine.run()

    run(life())

    assert engine.state == "failed"
    assert isinstance(engine.failure, KeyError)


def test_an_engine_that_runs_or_has_run_is_not_run_again():
    async def life():
        engine = engine_of(Gated(daily_frame(), 0))
        task = asyncio.create_task(engine.run())
        await until(lambda: engine.state == "running")
        with pytest.raises(errors.EngineError, match="an engine runs once: this one is running"):
            await engine.run()
        engine.feed.allow(40)
        await task
        with pytest.raises(errors.EngineError, match="an engine runs once: this one is stopped"):
            await engine.run()
        return engine

    engine = run(life())

    assert len(engine.core.state.record.sessions) == 40
    assert engine.failure is None
