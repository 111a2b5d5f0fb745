"""Backtests beside the loop, and what is left of one that was interrupted."""

import asyncio
import decimal
import threading
from contextvars import ContextVar

import pytest

import rbtlive as rbt
from rbtlive.runtime.backtest import INTERRUPTED

SPAN = {"start": "2005-01-03", "end": "2005-12-30"}
MARK = ContextVar("mark", default="unset")


class Tick(rbt.TradingAlgorithm):
    """Buy a third of something on each bar, and call those who asked for it."""

    on_bar = staticmethod(lambda _count: None)

    def initialize(self, context):
        context.asset = self.symbol("IBM")
        context.count = 0

    def handle_data(self, context, data):
        context.count += 1
        self.order(context.asset, 1)
        self.on_bar(context.count)


def calling(function):
    return type("Tick", (Tick,), {"on_bar": staticmethod(function)})


def test_a_backtest_beside_the_loop_gives_the_same_and_leaves_the_loop_alone():
    threads, bars = set(), rbt.load_sample("us-daily")

    async def both():
        turns = 0
        work = asyncio.ensure_future(
            rbt.backtest_async(
                calling(lambda _n: threads.add(threading.current_thread())), bars, **SPAN
            )
        )
        while not work.done():
            turns += 1
            await asyncio.sleep(0)
        return await work, turns

    result, turns = asyncio.run(both())

    assert result.performance.equals(rbt.backtest(Tick, bars, **SPAN).performance)
    assert threading.main_thread() not in threads
    assert turns > 10


def test_a_backtest_beside_the_loop_sees_the_callers_context_and_the_engines_decimals():
    seen = set()

    async def marked():
        MARK.set("mine")
        with decimal.localcontext(prec=5):
            return await rbt.backtest_async(
                calling(lambda _n: seen.add((MARK.get(), decimal.getcontext().prec))),
                rbt.load_sample("us-daily"),
                **SPAN,
            )

    asyncio.run(marked())

    assert seen == {("mine", 38)}


def test_a_session_goes_on_while_a_backtest_runs_beside_it(tmp_path):
    bars = rbt.load_sample("us-daily")

    async def both():
        session = rbt.attach(
            Tick, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), journal=tmp_path, **SPAN
        )
        await asyncio.gather(rbt.backtest_async(Tick, bars, **SPAN), session.wait())
        return session

    session = asyncio.run(both())

    assert session.parity().identical


def test_cancelling_the_wait_ends_the_backtest_and_keeps_what_it_had():
    reached, goes_on = threading.Event(), threading.Event()

    def hold(count):
        if count == 20:
            reached.set()
            goes_on.wait(30)

    async def cancelled():
        work = asyncio.ensure_future(
            rbt.backtest_async(calling(hold), rbt.load_sample("us-daily"), **SPAN)
        )
        await asyncio.to_thread(reached.wait, 30)
        work.cancel()
        await asyncio.sleep(0)
        goes_on.set()
        with pytest.raises(asyncio.CancelledError) as ended:
            await work
        return ended.value

    ended = asyncio.run(cancelled())

    assert ended.result.performance.height == 20
    assert ended.result.transactions.height == 19
    assert "interrupted after 20 sessions" in ended.__notes__[0]


def test_an_interrupted_backtest_hangs_its_result_on_the_interrupt():
    def interrupt(count):
        if count == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as ended:
        rbt.backtest(calling(interrupt), rbt.load_sample("us-daily"), **SPAN)

    whole = rbt.backtest(Tick, rbt.load_sample("us-daily"), **SPAN)
    assert ended.value.result.performance.equals(whole.performance.head(29))
    notes = "\n".join(ended.value.__notes__)
    assert "what it did until then is this exception's .result" in notes


def test_a_failure_of_the_strategy_comes_out_of_the_wait_as_it_is():
    def fail(_count):
        raise ZeroDivisionError("mine")

    async def failing():
        await rbt.backtest_async(calling(fail), rbt.load_sample("us-daily"), **SPAN)

    with pytest.raises(ZeroDivisionError, match="mine"):
        asyncio.run(failing())

    assert INTERRUPTED.get() is None
