"""What a person may do to a running session, and what is there to look at."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.events import MarketDataEvent, OrderFillEvent
from rbtlive.runtime.clock import VirtualClock
from tests.builders import (
    Churn,
    Gated,
    Hold,
    Silent,
    daily_frame,
    defined,
    processed,
    run,
    same,
    slices,
    until,
    whole,
)

STEADY = """
class Steady(rbt.TradingAlgorithm):
    def initialize(self, context):
        context.seen, context.calls = 0, []

    def before_trading_start(self, context, data):
        context.calls.append("morning")

    def handle_data(self, context, data):
        context.seen += 1
        self.order(self.symbol("AAA"), 10)
        if context.seen == 2:
            self.order(self.symbol("BBB"), 10, limit_price=1)

    def on_order_fill(self, context, order, transaction):
        context.calls.append(f"fill {order.id}")

    def on_order_cancel(self, context, order, reason):
        context.calls.append(f"cancel {order.id}: {reason}")

    def on_order_reject(self, context, order, reason):
        context.calls.append(f"reject {order.id}: {reason}")
"""


def attached(folder, feed, strategy=None, **options):
    strategy = defined(STEADY, "Steady") if strategy is None else strategy
    return rbt.attach(strategy, rbt.PaperBroker(), feed=feed, journal=folder, **options)


async def more(session, feed, count):
    """Let so many more slices through, and wait until they are processed."""
    seen = session.engine.meters.events
    feed.allow(count)
    await until(lambda: session.engine.meters.events >= seen + count)


def test_a_paused_session_books_its_bars_and_fills_and_calls_nobody(tmp_path):
    async def paused():
        feed = Gated(daily_frame(), 3)
        session = attached(tmp_path, feed)
        await processed(session, 3)
        session.pause()
        await until(lambda: session.engine.core.state.paused)
        reported = list(session.context.calls)
        await more(session, feed, 4)
        assert session.context.seen == 3
        assert session.context.calls == reported
        assert session.portfolio.positions[session.engine.core.state.assets[0]].amount == 30
        assert len(session.result().performance) == 7
        session.resume()
        await more(session, feed, 2)
        assert session.state == "running"
        assert session.context.seen >= 4
        await session.stop()
        return session

    session = run(paused())

    report = session.parity()
    assert report.identical, repr(report)
    assert report.interventions == 2


def test_kill_cancels_everything_halts_and_says_that_nothing_rests(tmp_path):
    async def killed():
        feed = Gated(daily_frame(), 4)
        session = attached(tmp_path, feed)
        await processed(session, 4)
        report = await session.kill()
        assert session.trading_state == "halted"
        await more(session, feed, 3)
        assert session.state == "running"
        return session, report

    session, report = run(stopped(killed()))

    assert report.action == "kill"
    assert report.confirmed
    assert report.open_orders == ()
    assert report.positions == {"AAA": Decimal(30)}
    assert session.orders.filter(pl.col("status") == "canceled")["id"].to_list() == ["3", "5"]
    assert session.result().denied["id"].to_list() == ["6", "7", "8"]
    assert set(session.result().denied["reason"]) == {"kill by the operator"}
    assert "cancel 3: kill by the operator" in session.context.calls
    assert "reject 6: kill by the operator" in session.context.calls
    assert session.parity().identical


async def stopped(work):
    session, result = await work
    await session.stop()
    return session, result


def test_trading_goes_on_after_a_kill_only_when_it_is_resumed(tmp_path):
    async def resumed():
        feed = Gated(daily_frame(), 4)
        session = attached(tmp_path, feed)
        await processed(session, 4)
        await session.kill()
        await more(session, feed, 1)
        session.resume()
        await more(session, feed, 3)
        return session, None

    session, _none = run(stopped(resumed()))

    assert session.result().denied["id"].to_list() == ["6"]
    assert session.orders["id"].to_list()[-3:] == ["7", "8", "9"]
    assert session.parity().identical


@pytest.mark.parametrize("by", ["flatten", "kill"])
def test_flatten_closes_everything_on_the_next_bar_and_reports_then(tmp_path, by):
    async def flattened():
        feed = Gated(daily_frame(), 5)
        session = attached(tmp_path, feed)
        await processed(session, 5)
        awaited = session.flatten() if by == "flatten" else session.kill(flatten=True)
        feed.allow(3)
        return session, await awaited

    session, report = run(stopped(flattened()))

    assert report.confirmed
    assert report.positions == {}
    assert report.open_orders == ()
    assert session.trading_state == "halted"
    assert session.orders["amount"].to_list()[-1] == -40
    assert session.parity().identical


def test_flatten_on_a_silent_feed_says_what_still_rests_and_leaves_it_resting(tmp_path):
    bars = daily_frame()

    async def silent():
        source = Silent(slices(bars)[:5])
        session = attached(tmp_path, source, data=PolarsDataPortal(bars))
        session.engine.clock = clock = VirtualClock()
        await processed(session, 5)
        awaited = session.flatten()
        await until(lambda: session.trading_state == "halted")
        assert not awaited.done()
        clock.advance(4.9)
        await asyncio.sleep(0.03)
        assert not awaited.done()
        clock.advance(0.2)
        return session, await awaited

    session, report = run(stopped(silent()))

    assert not report.confirmed
    assert report.positions == {"AAA": Decimal(40)}
    assert report.open_orders == ("7",)
    assert session.orders.row(-1, named=True)["status"] == "pending"


def test_kill_on_a_silent_feed_is_confirmed_at_once(tmp_path):
    bars = daily_frame()

    async def silent():
        session = attached(tmp_path, Silent(slices(bars)[:5]), data=PolarsDataPortal(bars))
        session.engine.clock = VirtualClock()
        await processed(session, 5)
        return session, await session.kill()

    _session, report = run(stopped(silent()))

    assert report.confirmed


def test_what_an_operator_says_before_the_first_bar_holds(tmp_path):
    bars = daily_frame(6)

    async def early():
        source = Silent([])
        session = attached(tmp_path, source, data=PolarsDataPortal(bars))
        await until(lambda: session.state == "running")
        session.pause()
        await until(lambda: session.engine.core.state.paused)
        await session.stop()
        later = attached(tmp_path, Silent(slices(bars)), data=PolarsDataPortal(bars))
        await processed(later, 6)
        assert later.state == "paused"
        return later, None

    session, _none = run(stopped(early()))

    assert session.context.seen == 0
    assert len(session.result().performance) == 6


def test_what_an_operator_asked_for_is_the_state_at_once(tmp_path):
    async def asked():
        session = attached(tmp_path, Gated(daily_frame(), 3))
        await processed(session, 3)
        session.pause()
        states = [session.state]
        await until(lambda: session.engine.core.state.paused)
        session.resume()
        states.append(session.state)
        await until(lambda: not session.engine.core.state.paused)
        await session.kill()
        states.append(session.trading_state)
        session.resume()
        states.append(session.trading_state)
        await session.stop()
        return states

    assert run(asked()) == ["paused", "running", "halted", "running"]


def test_stop_leaves_open_orders_unless_it_is_asked_to_cancel_them(tmp_path):
    async def ended(folder, **options):
        session = attached(folder, Gated(daily_frame(), 4), **options)
        await processed(session, 4)
        await session.stop()
        return session

    kept, cancelled = run(ended(tmp_path / "k")), run(ended(tmp_path / "c", open_orders="cancel"))

    assert kept.orders.filter(pl.col("status") == "pending")["id"].to_list() == ["3", "5"]
    assert cancelled.orders.filter(pl.col("status") == "pending").is_empty()
    assert cancelled.orders.filter(pl.col("status") == "canceled")["id"].to_list() == ["3", "5"]


def test_a_run_whose_orders_a_stop_cancelled_is_carried_on_and_proved(tmp_path):
    async def pieces():
        session = attached(tmp_path, Gated(daily_frame(12), 4), open_orders="cancel")
        await processed(session, 4)
        await session.stop()
        return await whole(
            defined(STEADY, "Steady"),
            tmp_path,
            feed=rbt.ReplayFeed(daily_frame(12)),
            open_orders="cancel",
        )

    session = run(pieces())

    report = session.parity()
    assert report.identical, repr(report)
    assert report.interventions == 2  # one when it was stopped, one when its feed had ended
    assert len(session.result().performance) == 12


def test_an_operator_on_another_thread_is_heard(tmp_path):
    async def heard():
        feed = Gated(daily_frame(), 3)
        session = attached(tmp_path, feed)
        await processed(session, 3)
        await asyncio.to_thread(session.pause)
        await until(lambda: session.engine.core.state.paused)
        await asyncio.to_thread(session.resume)
        await until(lambda: session.state == "running")
        assert threading.active_count() >= 1
        return session, None

    session, _none = run(stopped(heard()))

    assert session.parity().interventions == 2


@pytest.mark.parametrize("act", ["pause", "resume", "flatten", "kill"])
def test_a_session_that_has_ended_takes_no_orders_from_an_operator(tmp_path, act):
    session = run(whole(Hold, tmp_path, feed=rbt.ReplayFeed(daily_frame(3))))

    with pytest.raises(errors.EngineStopped, match="'Hold' has stopped: attach again"):
        getattr(session, act)()


def test_a_session_is_started_once(tmp_path):
    bars = daily_frame(10)

    async def started_again():
        feed = Gated(bars, 4)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path)
        await processed(session, 4)
        with pytest.raises(errors.EngineError, match=r"started by attach\(\), and is running"):
            session.start()
        feed.allow(100)
        await session.wait()
        return session

    assert same(rbt.backtest(Churn, bars), run(started_again()).result())


def test_interrupting_the_wait_leaves_the_session_running(tmp_path):
    bars = daily_frame(10)

    async def interrupted():
        feed = Gated(bars, 4)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path)
        for waits in (session.wait, session.wait):
            waiter = asyncio.create_task(waits())
            await processed(session, 4)
            waiter.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiter
            assert session.state == "running"
        feed.allow(100)
        await session.wait()
        return session

    assert same(rbt.backtest(Churn, bars), run(interrupted()).result())


def test_interrupting_the_wait_for_a_stop_still_stops(tmp_path):
    async def interrupted():
        session = rbt.attach(
            Churn, rbt.PaperBroker(), feed=Gated(daily_frame(), 4), journal=tmp_path
        )
        await processed(session, 4)
        stopping = asyncio.create_task(session.stop())
        await asyncio.sleep(0)
        stopping.cancel()
        await until(lambda: session.state == "stopped")
        await session.stop()
        await session.wait()

    run(interrupted())


def test_two_sessions_in_one_loop_never_mix(tmp_path):
    source = """
from rbtlive.api import order, record, symbol, get_open_orders
def strategy(ticker, amount):
    def initialize(context):
        context.asset = symbol(ticker)
    def handle_data(context, data):
        order(context.asset, amount)
        record(open=sum(map(len, get_open_orders().values())))
    return {"__name__": ticker, "initialize": initialize, "handle_data": handle_data}
"""
    strategy = defined(source, "strategy")
    bars = daily_frame(30, 3)

    async def both():
        one = rbt.attach(
            strategy("AAA", 10), rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path
        )
        two = rbt.attach(
            strategy("BBB", -7), rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path
        )
        assert rbt.sessions() == {"AAA": one, "BBB": two}
        await asyncio.gather(one.wait(), two.wait())
        return one, two

    one, two = run(both())

    for session, ticker, amount in ((one, "AAA", 10), (two, "BBB", -7)):
        assert set(session.orders["symbol"]) == {ticker}
        assert set(session.orders["amount"]) == {Decimal(amount)}
        assert len(session.orders) == 30
        assert same(rbt.backtest(strategy(ticker, amount), bars), session.result())


def test_api_functions_outside_of_a_strategy_say_so(tmp_path):
    async def outside():
        session = rbt.attach(
            Churn, rbt.PaperBroker(), feed=Gated(daily_frame(), 3), journal=tmp_path
        )
        await processed(session, 3)
        with pytest.raises(errors.CalledOutsideStrategy):
            rbt.api.order(session.engine.core.state.assets[0], 1)
        return session, None

    session, _none = run(stopped(outside()))

    assert session.orders.height == rbt.backtest(Churn, daily_frame(3)).orders.height


def test_what_there_is_to_look_at_has_the_shapes_of_a_result(tmp_path):
    bars = daily_frame(20)

    async def looked():
        feed = Gated(bars, 12)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path, name="shapes")
        assert session.state == "starting"
        await processed(session, 12)
        looks = {
            "orders": session.orders,
            "positions": session.positions,
            "depth": session.queue_depth,
            "by_priority": session.queue_depth_by_priority,
            "stats": dict(session.stats),
            "cash": session.portfolio.cash,
            "leverage": session.account.leverage,
        }
        return session, looks

    session, looks = run(stopped(looked()))

    result = rbt.backtest(Churn, bars, end="2017-01-19")
    assert looks["orders"].equals(result.orders)
    assert looks["positions"].equals(result.positions)
    assert looks["depth"] == 0
    assert looks["by_priority"] == dict.fromkeys(range(6), 0)
    assert set(looks["stats"]) >= {
        "events", "events_per_s", "latency_p50_us", "latency_p99_us", "loop_lag_ms", "conflated", "dropped",
        "reconnects", "errors", "journal_bytes",
    }  # fmt: skip
    assert looks["stats"]["events"] == 12
    assert looks["stats"]["journal_bytes"] > 0
    assert looks["stats"]["latency_p99_us"] >= looks["stats"]["latency_p50_us"] > 0
    assert looks["cash"] == Decimal(repr(result.performance["ending_cash"][-1]))
    assert session.name == "shapes"
    assert session.trading_state == "running"
    assert session.journal_path == tmp_path / "shapes.sqlite"
    assert session.context.bars == 12
    assert repr(session) == "<LiveSession shapes>"


def test_the_queue_is_bounded_and_its_depth_can_be_read_by_priority(tmp_path):
    seen = []

    async def slow():
        session = rbt.attach(
            Churn, rbt.PaperBroker(), feed=Gated(daily_frame(), 3), journal=tmp_path
        )
        await processed(session, 3)
        session.pause()
        session.resume()
        seen.append((session.queue_depth, session.queue_depth_by_priority))
        await until(lambda: not session.queue_depth)
        seen.append((session.queue_depth, session.queue_depth_by_priority))
        return session, None

    run(stopped(slow()))

    empty = dict.fromkeys(range(6), 0)
    assert seen == [(2, empty | {0: 2}), (0, empty)]


def test_registered_handlers_see_bars_and_fills_after_they_are_booked(tmp_path):
    seen = []

    async def watched():
        feed = Gated(daily_frame(), 0)
        session = attached(tmp_path, feed)
        asset = session.engine.core.state.assets[0]

        def on_fill(event):
            seen.append(("fill", event.order_id, session.engine.portfolio.amount_of(asset)))

        def on_bar(event):
            seen.append(("bar", sorted(event.bars), session.engine.portfolio.amount_of(asset)))

        session.engine.dispatcher.register_handler(OrderFillEvent, on_fill)
        session.engine.dispatcher.register_handler(MarketDataEvent, on_bar)
        feed.allow(2)
        await processed(session, 2)
        return session, None

    run(stopped(watched()))

    assert seen == [
        ("bar", ["AAA", "BBB"], 0),
        ("bar", ["AAA", "BBB"], 10),
        ("fill", "1", 10),
    ]


def test_a_replay_of_another_strategy_sees_the_same_slices(tmp_path):
    bars = daily_frame(20, 2, gaps=True)
    session = run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(bars)))

    assert same(rbt.backtest(Hold, bars), session.replay(Hold))
    assert same(session.result(), session.replay())


def test_analyze_is_called_once_with_the_performance_of_the_whole_run(tmp_path):
    source = """
class S(rbt.TradingAlgorithm):
    def handle_data(self, context, data):
        pass
    def analyze(self, context, perf):
        context.analyzed = getattr(context, "analyzed", []) + [len(perf)]
"""
    strategy = defined(source, "S")

    async def pieces():
        session = rbt.attach(
            strategy, rbt.PaperBroker(), feed=Gated(daily_frame(8), 3), journal=tmp_path
        )
        await processed(session, 3)
        await session.stop()
        assert not hasattr(session.context, "analyzed")
        return await whole(strategy, tmp_path, feed=rbt.ReplayFeed(daily_frame(8)))

    assert run(pieces()).context.analyzed == [8]
