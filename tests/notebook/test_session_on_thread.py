"""Sessions with a loop on a thread of their own: for programs that run no loop."""

import asyncio
import json
import os
import subprocess
import sys
import textwrap
import threading

import pytest

import rbtlive as rbt
from rbtlive.errors import EngineStopped
from rbtlive.notebook.panel.widget import Panel
from tests.builders import Hold, daily_frame


def attached(folder, **options):
    feed = rbt.ReplayFeed(daily_frame())
    options = {"loop": "thread", "journal": folder, "feed": feed, **options}
    return rbt.attach(Hold, rbt.PaperBroker(), **options)


def test_a_script_attaches_without_a_loop_and_waits_with_one(tmp_path):
    session = attached(tmp_path)

    asyncio.run(session.wait())

    assert session.state == "stopped"
    assert len(session.orders) >= 1
    assert session.parity().identical


def test_the_engine_runs_on_a_thread_that_ends_with_the_session(tmp_path):
    session = attached(tmp_path)
    assert session.thread is not None

    asyncio.run(session.wait())
    session.thread.join(5)

    assert not session.thread.is_alive
    assert threading.current_thread() is threading.main_thread()


def test_without_a_loop_the_error_names_the_thread_and_run(tmp_path):
    with pytest.raises(rbt.errors.NoRunningLoop, match=r'loop="thread".*rbtlive\.run'):
        attached(tmp_path, loop="running")


def test_another_choice_of_loop_is_refused(tmp_path):
    with pytest.raises(rbt.errors.InvalidSetting, match="was 'process'"):
        attached(tmp_path, loop="process")


def test_a_failing_attach_raises_in_the_caller_and_leaves_no_thread(tmp_path):
    before = threading.active_count()

    with pytest.raises(rbt.errors.StrategyError):
        attached(tmp_path, params={"nonsense": 1})

    assert threading.active_count() == before


def test_a_session_on_a_thread_replaces_the_one_before_on_the_same_thread(tmp_path):
    feed = rbt.ReplayFeed(daily_frame(), speed=86_400)  # a bar a second: it is still running
    first = attached(tmp_path, feed=feed)

    second = attached(tmp_path)
    asyncio.run(second.wait())

    assert first.state == "stopped"
    assert second.thread is first.thread
    assert second.state == "stopped"


SCRIPT = """
import sys
import rbtlive as rbt
from tests.builders import Hold, daily_frame

feed = rbt.ReplayFeed(daily_frame(), speed=3600)
session = rbt.attach(Hold, rbt.PaperBroker(), feed=feed, loop="thread", journal=sys.argv[1])
session.pause()
print("leaves", session.stats["errors"], len(session.orders))
"""


def test_a_script_that_ends_stops_its_sessions(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("leaves 0 ")
    logged = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert logged[0].startswith("starts run ")
    assert logged[-1].startswith("stopped; ")
    recorded = rbt.open_session("Hold", journal=tmp_path)
    assert not recorded.ended


BLOCKED = """
import sys, threading
import rbtlive as rbt
from rbtlive.notebook import observed_session
from tests.builders import Hold, daily_frame

observed_session.READ_WITHIN_S = 0.2
inside, forever = threading.Event(), threading.Event()

class Waits(Hold):
    def handle_data(self, context, data):
        inside.set()
        forever.wait()

session = rbt.attach(
    Waits, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame()), loop="thread", journal=sys.argv[1]
)
inside.wait()
try:
    session.result()
except TimeoutError as error:
    print(error)
"""


def test_a_script_that_ends_inside_a_callback_says_that_the_run_is_not_stopped(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(BLOCKED), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "session 'Waits' did not answer for 0.2 s: its thread is blocked" in done.stdout
    logged = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert logged[-1].startswith("the process ends while a call blocks the session's thread")


def test_a_widget_stands_in_a_box_while_the_session_runs_and_after(tmp_path):
    import ipywidgets

    session = attached(tmp_path)
    live = session.widget()
    asyncio.run(session.wait())

    box = ipywidgets.HBox([live, session.widget()])

    assert session.widget() is session.widget() is session._display_()  # marimo asks for this
    assert all(isinstance(child, ipywidgets.DOMWidget) for child in box.children)


def just_closed():
    """Return a loop that runs when it is asked and is closed when it is called."""
    loop, once = asyncio.new_event_loop(), iter([True])
    loop.close()
    loop.is_running = lambda: next(once, False)
    return loop


@pytest.mark.parametrize(
    "ask",
    [
        lambda session: session.result().fills.height,
        lambda session: asyncio.run(session.wait()),
        lambda session: asyncio.run(session.stop()),
        lambda session: Panel(session, session.loop).picture(),
    ],
    ids=["result", "wait", "stop", "panel"],
)
def test_a_session_whose_loop_was_closed_a_moment_ago_can_be_asked(tmp_path, ask):
    session = attached(tmp_path)
    asyncio.run(session.wait())
    expected = ask(session)
    session._loop = just_closed()

    answer = ask(session)

    assert type(answer) is type(expected)


def ending(*, work_begins):
    """Return a loop that takes work as its last action: it cancels it, or never begins."""
    loop, once = asyncio.new_event_loop(), iter([True])
    take = loop.call_soon_threadsafe

    async def cancel_all():
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    def end(*given, **more):
        take(*given, **more)
        if work_begins:
            ends = threading.Thread(target=loop.run_until_complete, args=(cancel_all(),))
            ends.start()
            ends.join()
        loop.close()

    loop.call_soon_threadsafe = end
    loop.is_running = lambda: next(once, False)
    return loop


@pytest.mark.parametrize("work_begins", [True, False])
@pytest.mark.parametrize("ask", ["wait", "stop"])
def test_a_loop_that_ends_with_its_session_loses_no_answer(tmp_path, ask, work_begins):
    session = attached(tmp_path)
    asyncio.run(session.wait())
    expected = asyncio.run(getattr(session, ask)())

    session._loop = ending(work_begins=work_begins)

    assert type(asyncio.run(getattr(session, ask)())) is type(expected)


def test_a_function_for_a_session_whose_loop_was_closed_a_moment_ago_is_refused(tmp_path):
    session = attached(tmp_path)
    asyncio.run(session.wait())
    session._loop = just_closed()

    with pytest.raises(EngineStopped, match="attach again"):
        asyncio.run(session.call(lambda context, data: None))


def test_an_order_is_cancelled_and_a_position_closed_by_the_operator(tmp_path):
    done = []

    class Rest(rbt.TradingAlgorithm):
        def initialize(self, context):
            context.asset, context.bars = self.symbol("AAA"), 0

        def handle_data(self, context, data):
            context.bars += 1
            if context.bars == 1:
                self.order(context.asset, 5)
                self.order(context.asset, 1, limit_price=0.01)

    async def trade():
        session = rbt.attach(
            Rest, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame()), journal=tmp_path
        )

        def operate(event):
            held = session.portfolio.positions
            if held and not done:
                done.append(event.timestamp)
                session.cancel("2")
                session.close("AAA")

        session.engine.dispatcher.register_handler(rbt.MarketDataEvent, operate)
        await session.wait()
        return session

    session = asyncio.run(trade())

    orders = {row["id"]: row for row in session.orders.to_dicts()}
    assert orders["2"]["status"] == "canceled"
    assert orders["3"]["amount"] == -5
    assert not session.portfolio.positions
    assert session.trading_state == "running"
    assert session.parity().identical
    assert session.parity().interventions == 2


def test_a_script_waits_for_reports_and_completes_only_what_people_use(tmp_path):
    session = attached(tmp_path, feed=rbt.ReplayFeed(daily_frame(), speed=3600))

    report = session.kill()
    halted = report.result(timeout=60)

    assert repr(report) == repr(halted)
    assert {"kill", "parity", "portfolio", "result", "state", "wait"} <= set(dir(session))
    assert not {"refuse_other_folder", "release", "task", "start"} & set(dir(session))
    assert not {"judge", "origin"} & set(dir(session.result()))
    asyncio.run(session.stop())
    assert session.state == "stopped"


def test_an_unknown_order_or_position_is_refused_by_name(tmp_path):
    session = attached(tmp_path, feed=rbt.ReplayFeed(daily_frame(), speed=3600))

    with pytest.raises(rbt.errors.InvalidSetting, match="order_id of cancel"):
        session.cancel("99")
    with pytest.raises(rbt.errors.InvalidSetting, match="symbol of close"):
        session.close("NONE")
    asyncio.run(session.stop())


PLAIN_IPYTHON = """
import time
import rbtlive as rbt
class Buyer(rbt.TradingAlgorithm):
    def handle_data(self, context, data): self.order(self.symbol("AAPL"), 1)

feed = rbt.ReplayFeed(rbt.load_sample("us-daily"), speed=86_400 * 50)
session = rbt.attach(Buyer, rbt.PaperBroker(), feed=feed, start="2005-01-03", loop="thread")
session
session.pause()
rbt.board()
exit
"""


def test_plain_ipython_exits_in_peace_while_a_displayed_session_runs(tmp_path):
    command = [sys.executable, "-m", "IPython", "--simple-prompt", "--colors=NoColor"]
    homes = {"IPYTHONDIR": str(tmp_path / "ipython"), "RBTLIVE_HOME": str(tmp_path / "home")}

    said = subprocess.run(
        command,
        input=PLAIN_IPYTHON,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **homes},
    )

    assert said.returncode == 0
    assert "<LiveSession Buyer>" in said.stdout
    assert "Traceback" not in said.stdout + said.stderr
