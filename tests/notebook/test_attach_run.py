"""`rbtlive.run` in real scripts: signals, helper threads, and what is kept when the
process leaves.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import rbtlive as rbt
from rbtlive import errors
from tests.builders import Churn, Hold, daily_frame, moments, run, same, whole

ROOT = Path(__file__).parents[2]

SCRIPT = """
    import asyncio, signal, sys, time
    import rbtlive as rbt
    from tests.builders import Churn, Gated, daily_frame

    class Reporting(Churn):
        def handle_data(self, context, data):
            super().handle_data(context, data)
            if context.bars == 7:
                ours = signal.getsignal(signal.SIGINT)  # before anybody can be asked to interrupt
                print("seven", flush=True)
                {stuck}

        def analyze(self, context, perf):
            print("analyzed", flush=True)

    def loop(ours):
        end = time.monotonic() + 30  # a test that fails must end, too
        while signal.getsignal(signal.SIGINT) is ours and time.monotonic() < end:
            pass
        print("interrupted once", flush=True)
        while time.monotonic() < end:
            pass

    try:
        session = rbt.run(Reporting, rbt.PaperBroker(), feed=Gated(daily_frame(), 7), journal=sys.argv[1], name="s")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        raise
    print(session.state, len(session.orders), session.engine.ended, flush=True)
"""


def script(folder, source=SCRIPT, *, stuck="pass"):
    """Start a script, and return it once it has seen seven bars."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source).replace("{stuck}", stuck), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.readline() == "seven\n", process.stderr.read()
    return process


def ended(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_script_that_is_interrupted_stops_gracefully(tmp_path, number):
    process = script(tmp_path)

    process.send_signal(number)
    code, out, err = ended(process)

    assert code == 0
    assert json.loads(err.splitlines()[-1])["event"].startswith("stopped; 7 events")
    assert out == f"stopped {rbt.backtest(Churn, daily_frame(7)).orders.height} False\n"
    assert len(moments(tmp_path, "s")) == 7


def test_a_second_interrupt_leaves_at_once_and_loses_nothing(tmp_path):
    source = SCRIPT.replace("Gated(daily_frame(), 7)", "Stubborn(daily_frame(), 7)")
    slow = script(
        tmp_path / "slow", source.replace("    class Reporting", STUBBORN + "\n    class Reporting")
    )
    slow.send_signal(signal.SIGINT)
    assert slow.stdout.readline() == "asked\n"
    slow.send_signal(signal.SIGINT)
    code, out, _err = ended(slow)

    assert code != 0
    assert "interrupted" in out
    assert len(moments(tmp_path / "slow", "s")) == 7


STUBBORN = """
    class Stubborn(Gated):
        async def __aiter__(self):
            async for event in super().__aiter__():
                yield event
                if self.given == 7:
                    try:
                        await asyncio.Event().wait()
                    except asyncio.CancelledError:
                        print("asked", flush=True)
                        try:
                            await asyncio.Event().wait()
                        except asyncio.CancelledError:
                            raise
"""


def test_a_callback_that_never_returns_is_left_by_the_second_interrupt(tmp_path):
    process = script(tmp_path, stuck="loop(ours)")
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted once\n"

    process.send_signal(signal.SIGINT)
    code, out, _err = ended(process)

    assert code != 0
    assert "interrupted\n" in out
    assert len(moments(tmp_path, "s")) == 7
    session = run(
        whole(
            Reporting,
            tmp_path,
            feed=rbt.ReplayFeed(daily_frame()),
            name="s",
            on_divergence="positions",
        )
    )
    assert len(moments(tmp_path, "s")) == 40
    assert session.state == "stopped"


class Reporting(Churn):
    """The script's strategy, mended."""


def test_signals_are_given_back_when_the_session_has_ended(tmp_path):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    rbt.run(Hold, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame(3)), journal=tmp_path)

    assert {number: signal.getsignal(number) for number in before} == before


def test_a_script_runs_to_the_end_of_its_feed(tmp_path):
    session = rbt.run(
        Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame()), journal=tmp_path
    )

    assert session.state == "stopped"
    assert session.engine.ended
    assert same(rbt.backtest(Churn, daily_frame()), session.result())
    assert session.parity().identical


def test_a_script_learns_what_ended_its_session(tmp_path):
    with pytest.raises(errors.UnknownParameter):
        rbt.run(
            Hold,
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(daily_frame()),
            journal=tmp_path,
            params={"x": 1},
        )

    strategy = {"__name__": "s", "handle_data": lambda _context, _data: 1 / 0}
    with pytest.raises(ZeroDivisionError):
        rbt.run(
            strategy,
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(daily_frame()),
            journal=tmp_path,
            on_error="raise",
        )


def test_inside_a_running_loop_the_session_runs_on_a_thread_of_its_own(tmp_path):
    async def cell():
        before = asyncio.get_running_loop()
        session = rbt.run(
            Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame()), journal=tmp_path
        )
        assert session.loop is not before
        await session.wait()
        await session.stop()
        return session

    session = run(cell())

    assert session.state == "stopped"
    assert same(rbt.backtest(Churn, daily_frame()), session.result())


def test_inside_a_running_loop_failures_come_back_too(tmp_path):
    async def cell():
        with pytest.raises(errors.BadSessionName):
            rbt.run(
                Churn,
                rbt.PaperBroker(),
                feed=rbt.ReplayFeed(daily_frame()),
                journal=tmp_path,
                name="..",
            )

    run(cell())


LEAVING = """
    import asyncio, sys
    import rbtlive as rbt
    from tests.builders import Churn, Gated, daily_frame, processed

    async def main():
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=Gated(daily_frame(), 7), journal=sys.argv[1], name="s")
        await processed(session, 7)
        print("seven", flush=True)

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(main())
    {stuck}
"""


@pytest.mark.parametrize("how", ["pass", "sys.exit(3)", "raise ValueError('the cell')"])
def test_a_process_that_leaves_with_its_loop_unfinished_has_kept_everything(tmp_path, how):
    process = script(tmp_path, LEAVING, stuck=how)
    ended(process)

    assert len(moments(tmp_path, "s")) == 7
    session = run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame()), name="s"))
    assert same(rbt.backtest(Churn, daily_frame()), session.result())
