"""A session steered from other threads, and people who do not await, in a real kernel."""

import json

import pytest

from tests.notebook.kernels import PATIENCE_S

pytestmark = pytest.mark.kernel

SETUP = """\
%load_ext rbtlive
import asyncio, sys, threading, time
import rbtlive as rbt
from tests.builders import Churn, Gated, daily_frame, processed, same, until

bars = daily_frame(60)

def trade(feed, **options):
    return rbt.attach(Churn, rbt.PaperBroker(), feed=feed, **options)
"""


def test_a_session_is_steered_from_a_subshells_thread(kernel):
    kernel.run(
        "feed = Gated(bars, 20)\nsession = trade(feed, name='steered')\nawait processed(session, "
        "20)"
    )
    subshell = kernel.subshell()

    printed = kernel.run(
        "session.pause()\nprint(threading.current_thread().name)", subshell=subshell
    )
    kernel.run("await until(lambda: session.state == 'paused')")
    kernel.run("session.resume()", subshell=subshell)
    kernel.run("await until(lambda: session.state == 'running')")
    report = kernel.run("print((await session.kill()).confirmed)", subshell=subshell)
    kernel.run("session.resume()\nfeed.allow(40)\nawait session.wait()", subshell=None)

    assert ("MainThread" in printed) == (subshell is None)
    assert report.strip() == "True"
    assert kernel.run(
        "print(session.parity().identical, len(session.result().performance))"
    ).split() == [
        "True",
        "60",
    ]


def test_a_run_in_a_cell_blocks_that_cell_and_is_interrupted_gracefully(kernel):
    cell = kernel.start(
        "rbt.run(Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars, speed=2e6), name='blocking')"
    )
    kernel.listen(lambda: kernel.is_busy(cell))
    kernel.listen_for(0.5)

    reply = kernel.interrupt_until_replied(cell)
    state = kernel.run("print(rbt.sessions(), rbt.open_session('blocking').ended)")
    finished = "rbt.run(Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), name='blocking')"

    assert reply["ename"] == "KeyboardInterrupt"
    assert state.split() == ["{}", "False"]
    assert (
        kernel.run(f"print(same(rbt.backtest(Churn, bars), {finished}.result()))").strip() == "True"
    )


def test_a_long_backtest_shows_its_progress_and_leaves_what_it_had_when_it_is_interrupted(kernel):
    cell = kernel.start(
        "class Slow(Churn):\n    def handle_data(self, context, data):\n        time.sleep(0.05)\n"
        "        super().handle_data(context, data)\n"
        "result = rbt.backtest(Slow, daily_frame(150))"
    )
    kernel.said.clear()
    kernel.listen(
        lambda: any("FloatProgress" in json.dumps(m) for m in kernel.messages("comm_open"))
    )
    opened = len(kernel.messages("comm_msg"))
    kernel.listen(lambda: len(kernel.messages("comm_msg")) > opened + 2)

    kernel.listen_for(0.5)
    kernel.interrupt()  # once: its callback runs, and a second one could hit the making of its result
    assert kernel.replied({cell}, within_s=PATIENCE_S)
    reply = kernel.replies[cell]
    kernel.run("partial, whole = sys.last_value.result, rbt.backtest(Churn, daily_frame(150))")
    kernel.run("count, value = len(partial.performance), 'portfolio_value'")

    assert reply["ename"] == "KeyboardInterrupt"
    assert kernel.run("print(0 < count < 150, len(partial.orders) > 0)").split() == ["True", "True"]
    equal = "whole.performance[value][:count].equals(partial.performance[value])"
    assert kernel.run(f"print({equal})").strip() == "True"


def completed(kernel, code):
    # Of an attribute either its name alone is given back or what stands before it too.
    return {
        match.split(".")[-1]
        for match in kernel.ask("complete_request", code=code, cursor_pos=len(code))["matches"]
    }


def helped(kernel, code):
    reply = kernel.ask("inspect_request", code=code, cursor_pos=len(code), detail_level=0)
    assert reply["found"], code
    return reply["data"]["text/plain"]


def test_tab_completes_magics_their_options_functions_and_their_arguments(kernel):
    kernel.run("%%strategy crossing\ndef handle_data(context, data):\n    pass")

    assert {"%%strategy"} <= completed(kernel, "%%stra")
    assert {"%backtest"} <= completed(kernel, "%backt")
    assert {"--start", "--slippage"} <= completed(kernel, "%backtest crossing bars --s")
    assert "crossing" in completed(kernel, "%attach cross")
    assert {"1d", "1m"} <= completed(kernel, "%attach crossing --frequency 1")
    assert "attach" in completed(kernel, "rbt.a")
    assert {"commission=", "on_error="} <= completed(kernel, "rbt.attach(crossing, ")
    kernel.run("session = trade(Gated(bars, 1), name='completed')")
    assert {"parity", "flatten", "queue_depth"} <= completed(kernel, "session.")
    assert "completed" in completed(kernel, "%stop comp")
    kernel.run("%stop --all")


def test_the_attributes_of_everything_public_are_completed(kernel):
    public = kernel.run(
        "print(*(name for name in rbt.__all__ if isinstance(getattr(rbt, name), type)))"
    ).split()

    empty = [name for name in public if not completed(kernel, f"rbt.{name}.")]

    assert len(public) > 20
    assert empty == []


IN_A_CLASS = """
class Own(rbt.TradingAlgorithm):
    slow = 30

    def initialize(self, context):
        context.chosen, self.seen = self.symbol("AAA"), 0

    def handle_data(self, context, data):
        books = context.portfolio
        if """
IN_A_FUNCTION = "def rebalance(context, data):\n    now = data.current_dt\n    x = "


def test_callbacks_that_are_being_written_are_completed(kernel):
    found = {
        code: completed(kernel, IN_A_CLASS + code)
        for code in ("data.", "context.", "self.", "context.portfolio.", "books.", "self.sl")
    }

    assert {"history", "current", "can_trade", "window"} <= found["data."]
    assert {"portfolio", "account", "order_target", "chosen"} <= found["context."]
    assert {"order_target_percent", "symbol", "slow", "seen"} <= found["self."]
    assert {"cash", "positions"} <= found["context.portfolio."]
    assert {"cash", "positions"} <= found["books."]
    assert found["self.sl"] == {"slow"}
    assert {"is_stale"} <= completed(kernel, IN_A_FUNCTION + "data.")
    assert {"settled_cash"} <= completed(kernel, IN_A_FUNCTION + "context.account.")
    assert {"history"} <= completed(
        kernel, "%%strategy late\ndef handle_data(context, data):\n    data."
    )
    assert completed(kernel, "def broken(context, data):\n    x = [data.current(\n  y.") == set()
    assert completed(kernel, "def other(thing, data):\n    thing.") == set()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("%%strategy", "%%strategy NAME"),
        ("%backtest", "%backtest NAME DATA"),
        ("%attach", "%attach NAME"),
        ("%sessions", "%sessions"),
        ("%stop", "%stop NAME"),
        ("rbt.attach", "Start a strategy on a broker"),
        ("rbt.backtest", "params"),
        ("rbt.backtest_async", "worker thread"),
        ("rbt.enable_nested_loop", "nest-asyncio2"),
        ("rbt.LiveSession.flatten", "Cancel all orders"),
        ("rbt.api.order_target_percent", "target"),
    ],
)
def test_a_question_mark_helps(kernel, code, words):
    kernel.run("import rbtlive.api")

    assert words in helped(kernel, code)
