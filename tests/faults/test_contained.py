"""What callbacks, feeds and forked children do that would end a program or a task: it
ends at most that callback or session, and everybody hears of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import rbtlive as rbt
from rbtlive import errors
from tests.builders import (
    Churn,
    Gated,
    daily_frame,
    processed,
    rows_of,
    run,
    same,
    slices,
    until,
    whole,
)

ROOT = Path(__file__).parents[2]


class OwnExit(BaseException):
    """Neither an Exception nor anything that Python knows."""


class UnprintableError(Exception):
    """An exception whose text cannot be shown."""

    def __str__(self):
        raise SystemExit("from __str__")

    __repr__ = __str__


FAULTS = [asyncio.CancelledError, GeneratorExit, OwnExit, UnprintableError]
EXITS = [SystemExit, KeyboardInterrupt]
CALLBACKS = ["handle_data", "before_trading_start", "on_order_fill"]


def raising(kind, where="handle_data", at=7):
    class Raising(Churn):
        raised = 0

        def initialize(self, context):
            super().initialize(context)
            self.schedule_function(lambda context, _data: self.fail(context, "scheduled"))

        def fail(self, context, name):
            if name == where and context.bars >= at and not Raising.raised:
                Raising.raised = 1
                raise kind

        def before_trading_start(self, context, data):
            self.fail(context, "before_trading_start")

        def handle_data(self, context, data):
            super().handle_data(context, data)
            self.fail(context, "handle_data")

        def on_order_fill(self, context, order, transaction):
            self.fail(context, "on_order_fill")

    return Raising


@pytest.mark.parametrize("where", CALLBACKS)
@pytest.mark.parametrize("kind", FAULTS)
def test_what_a_callback_raises_is_a_fault_like_any_other(tmp_path, kind, where):
    session = run(whole(raising(kind, where), tmp_path, feed=rbt.ReplayFeed(daily_frame())))

    assert session.engine.ended
    assert session.engine.core.state.callbacks.failure_count == 1
    assert any(kind.__name__ in line for line in session.logs)
    assert session.result().performance.height == 40


@pytest.mark.parametrize("where", [*CALLBACKS, "initialize", "analyze"])
@pytest.mark.parametrize("kind", EXITS)
def test_a_callback_that_ends_programs_ends_its_session_and_no_other(tmp_path, kind, where):
    quits = raising(kind, where)
    if where in {"initialize", "analyze"}:
        setattr(quits, where, lambda *_args: (_ for _ in ()).throw(kind("bye")))

    async def both():
        other = rbt.attach(
            Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame()), journal=tmp_path, name="o"
        )
        bad = rbt.attach(
            quits, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame()), journal=tmp_path, name="b"
        )
        with pytest.raises(errors.StrategyExited, match=kind.__name__):
            await bad.wait()
        await other.wait()
        return bad, other

    bad, other = run(both())

    assert bad.state == ("stopped" if where == "analyze" else "failed")
    assert any(kind.__name__ in line for line in bad.logs)
    assert same(other.result(), rbt.backtest(Churn, daily_frame()))


@pytest.mark.parametrize("kind", [*FAULTS, *EXITS])
@pytest.mark.parametrize("shape", ["iterator", "feed"])
def test_what_a_feed_raises_ends_the_session_loudly(tmp_path, kind, shape):
    class Raises(rbt.ReplayFeed):
        async def __aiter__(self):
            async for number, event in numbered(super().__aiter__()):
                if number == 5:
                    raise kind
                yield event

    async def numbered(stream):
        number = 0
        async for event in stream:
            yield number, event
            number += 1

    feed = Raises(daily_frame())
    if shape == "iterator":
        feed = _bars(daily_frame(), kind)

    async def waited():
        session = rbt.attach(
            Churn, rbt.PaperBroker(), feed=feed, data=daily_frame(), journal=tmp_path
        )
        with pytest.raises((errors.RbtliveError, UnprintableError)):
            await asyncio.wait_for(session.wait(), 60)
        return session

    session = run(waited())

    assert session.state == "failed"
    assert any("the session has failed" in line for line in session.logs)


async def _bars(frame, kind):
    for number, row in enumerate(frame.iter_rows(named=True)):
        if number == 10:
            raise kind
        yield {"timestamp" if name == "date" else name: value for name, value in row.items()}


def test_a_session_whose_own_task_is_cancelled_stops_with_a_word(tmp_path):
    async def cancelled():
        session = rbt.attach(
            Churn, rbt.PaperBroker(), feed=Gated(daily_frame(), 3), journal=tmp_path
        )
        await processed(session, 3)
        for task in asyncio.all_tasks():
            if task.get_name().startswith("rbtlive session "):
                task.cancel()
        await until(lambda: session.state == "stopped")
        return session

    session = run(cancelled())

    assert sum("the session's task was cancelled" in line for line in session.logs) == 1

    carried_on = run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame())))

    assert carried_on.parity().identical


def test_a_task_that_other_code_cancels_ends_the_session_loudly(tmp_path):
    async def cancelled():
        session = rbt.attach(
            Churn, rbt.PaperBroker(), feed=Gated(daily_frame(), 3), journal=tmp_path
        )
        await processed(session, 3)
        for task in asyncio.all_tasks():
            if task.get_name().startswith("rbtlive feed of"):
                task.cancel()
        with pytest.raises(errors.EngineStopped, match="cancelled by other code"):
            await asyncio.wait_for(session.wait(), 60)
        return session

    assert run(cancelled()).state == "failed"


@pytest.mark.parametrize("how", ["task", "thread", "to_thread", "timer", "cell"])
def test_orders_from_outside_a_callback_are_refused_and_the_run_is_carried_on(tmp_path, how):
    refused = []

    class Late(Churn):
        def handle_data(self, context, data):
            super().handle_data(context, data)
            if context.bars == 5 and not refused:
                refused.append(None)
                start(how, lambda: place(self, context))

    def place(algorithm, context):
        for call in (
            lambda: algorithm.order(context.assets[0], 100),
            lambda: context.order_target(context.assets[0], 7),
            lambda: context.record(late=1),
            lambda: algorithm.cancel_order("1"),
        ):
            with pytest.raises(errors.CalledOutsideStrategy, match=r"session\.call") as caught:
                call()
            refused.append(caught.value)

    def start(how, function):
        loop = asyncio.get_running_loop()
        if how == "task":
            late.append(loop.create_task(_later(function)))
        elif how == "thread":
            threading.Thread(target=function).start()
        elif how == "to_thread":
            late.append(loop.create_task(asyncio.to_thread(function)))
        elif how == "timer":
            loop.call_later(0, function)

    late = []

    async def first():
        feed = Gated(daily_frame(), 6)
        session = rbt.attach(Late, rbt.PaperBroker(), feed=feed, journal=tmp_path, name="late")
        await processed(session, 6)
        if how == "cell":
            place(session.context, session.context)
        await until(lambda: len(refused) == 5)
        await session.stop()
        return session

    async def _later(function):
        await asyncio.sleep(0)
        function()

    one = run(first())
    two = run(whole(Late, tmp_path, feed=rbt.ReplayFeed(daily_frame()), name="late"))

    assert len(refused) == 5
    assert one.parity().identical
    assert same(two.result(), rbt.backtest(Churn, daily_frame()))


FORK = """
    import asyncio, gc, os, signal, sys
    import rbtlive as rbt
    from tests.builders import Churn, Gated, daily_frame, processed

    async def main():
        feed = Gated(daily_frame(), 12)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=sys.argv[1], name="f",
                             open_orders="cancel")
        await processed(session, 12)
        child = os.fork()
        if not child:
            signal.alarm(15)  # whatever goes wrong here, no child stays
            {child}
        os.waitpid(child, 0)
        feed.allow(100)
        await session.wait()
        print(session.state, session.parity().identical, session.result().performance.height)

    asyncio.run(main())
"""
CHILDREN = {
    "exits": "sys.exit(0)",
    "returns": "return",
    "closes": "session.engine.journal.close(); session.release(); sys.exit(0)",
    "forgets": "del session, feed; gc.collect(); sys.exit(0)",
    "stops": "print(rbt.sessions()); await session.stop(); sys.exit(0)",
    "writes": (
        "session.engine.journal.append('note', 'X', timestamp=session.engine.core.state.now, payload={})"
    ),
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("child", CHILDREN)
def test_whatever_a_forked_child_does_its_parent_trades_on(tmp_path, child):
    code = textwrap.dedent(FORK).replace("{child}", CHILDREN[child])
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=40)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its children too
        process.wait()

    assert "stopped True 40" in out, err[-2000:]
    assert not rows_of(tmp_path, "f")[-1][2].startswith("X")


async def _no_parameter():
    for bars in slices(daily_frame(3)):
        yield bars


def test_a_function_that_opens_a_feed_may_have_no_parameter(tmp_path):
    session = run(whole(Churn, tmp_path, feed=_no_parameter, data=daily_frame(3)))

    assert session.engine.meters.events == 3


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda _symbols: None, "must return an async iterator of bars: returned NoneType"),
        (lambda _symbols: [1], "must return an async iterator of bars: returned list"),
    ],
)
def test_a_function_that_opens_no_feed_is_named_and_not_called_again(tmp_path, function, said):
    with pytest.raises(errors.FeedDisconnected, match=said):
        run(whole(Churn, tmp_path, feed=function, data=daily_frame(3)))


def test_a_function_that_opens_a_feed_and_needs_more_is_refused_at_once(tmp_path):
    with pytest.raises(errors.FeedError, match=r"is called as function\(symbols\)"):
        run(whole(Churn, tmp_path, feed=lambda _a, _b: None, data=daily_frame(3)))
