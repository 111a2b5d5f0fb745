"""Rough handling in a real kernel: whatever cells do to it, one engine trades, nothing
is lost, and the run can be proved.
"""

import random

import pytest

pytestmark = pytest.mark.kernel

SETUP = """\
import asyncio, time
import rbtlive as rbt
from tests.builders import Churn, Gated, daily_frame, processed, rows_of, same, until

bars = daily_frame(150)

def attach(name, feed, strategy=Churn, **options):
    return rbt.attach(strategy, rbt.PaperBroker(), feed=feed, name=name, **options)

def engines(name):
    named = [task for task in asyncio.all_tasks() if task.get_name() == f"rbtlive session {name}"]
    return len([task for task in named if not task.done()])

async def ended(session):
    await session.wait()
    return same(rbt.backtest(Churn, bars), session.result()) and session.parity().identical

def rows(name, kind):
    return [row[1] for row in rows_of(None, name)].count(kind)
"""


def test_the_attach_cell_run_a_hundred_times_leaves_one_engine_and_places_no_order_twice(kernel):
    for _ in range(100):
        kernel.run("session = attach('again', Gated(bars, 1))")
    kernel.run(
        "await until(lambda: engines('again') == 1)"
    )  # those that were replaced take a turn to end
    running = kernel.run("print(list(rbt.sessions()))")

    kernel.run("session = attach('again', rbt.ReplayFeed(bars))")

    assert running.strip() == "['again']"
    assert kernel.run("print(await ended(session), engines('again'))").strip() == "True 0"


CELLS = {
    "define": "class Mine(Churn):\n    step = 3",
    "attach": "session = attach('any-order', Gated(bars, 2))",
    "look": "session.orders, session.positions, session.stats, session.queue_depth, session.result().metrics",
    "show": "session",
    "pause": "session.pause()",
    "resume": "session.resume()",
    "stop": "await session.stop()",
    "replay": "session.parity(), session.replay()",
    "list": "rbt.sessions(), rbt.open_session('any-order').result()",
    "backtest": "rbt.backtest(Churn, bars)",
    "extension": "%load_ext rbtlive",
    "kill": "await session.kill()",
}


@pytest.mark.parametrize("seed", [1, 2])
def test_cells_run_in_any_order_work_or_say_what_is_wrong(kernel, seed):
    drawn = random.Random(seed).choices(sorted(CELLS), k=30)
    kernel.run("session = attach('any-order', Gated(bars, 2), fresh=True)")

    for cell in drawn:
        kernel.run(
            f"try:\n{indented(CELLS[cell])}\n"
            "except (NameError, rbt.errors.RbtliveError) as refused:\n    print(refused)"
        )
    kernel.run("session = attach('any-order', rbt.ReplayFeed(bars))")
    kernel.run("session.resume()\nawait session.wait()")

    assert kernel.run(
        "print(session.parity().identical, len(session.result().performance))"
    ).split() == [
        "True",
        "150",
    ]


def indented(cell):
    return "\n".join("    " + line for line in cell.splitlines())


BUSY = {
    "computing": "while True: pass",
    "looking": "while True: session.result(), session.orders, session.stats",
    "proving": "while True: session.parity()",
    "attaching": "while True: session = attach('interrupted', rbt.ReplayFeed(bars, speed=2e6))",
    "waiting": "await session.wait()",
    "sleeping": "await asyncio.sleep(30)",
    "beside": "while True: await rbt.backtest_async(Churn, daily_frame(1000))",
    "idle": None,
}


def test_interrupts_at_any_moment_end_the_cell_and_nothing_else(kernel):
    chance = random.Random(7)
    kernel.run("session = attach('interrupted', rbt.ReplayFeed(bars, speed=2e6))")

    for kind in chance.sample([*BUSY] * 3, k=3 * len(BUSY)):
        cell = None if BUSY[kind] is None else kernel.start(BUSY[kind])
        if cell is not None:
            kernel.listen(lambda cell=cell: kernel.is_busy(cell))
        kernel.listen_for(chance.uniform(0, 0.05))
        if cell is None:
            kernel.interrupt()
        else:
            assert kernel.interrupt_until_replied(cell)["status"] == "error", kind
        if kind == "attaching":
            kernel.run("session = attach('interrupted', rbt.ReplayFeed(bars, speed=2e6))")
        assert kernel.run("print(session.engine.failure)").strip() == "None", kind

    kernel.run("await until(lambda: engines('interrupted') == 1)")
    kernel.run("session = attach('interrupted', rbt.ReplayFeed(bars))")
    assert (
        kernel.run("print(await ended(session), rows('interrupted', 'Swapped'))").strip()
        == "True 0"
    )


EDITING = """\
while True:
    edits += 1
    try:
        session = attach('edits', rbt.ReplayFeed(bars, speed=2e6), params={'step': 2 + edits % 3})
    except rbt.errors.StrategyChanged as early:
        assert 'still being recovered' in str(early)
    await asyncio.sleep(0.02)
"""
LAST_EDIT = """\
while session.engine.is_recovering:
    await asyncio.sleep(0.01)
session = attach('edits', rbt.ReplayFeed(bars), params={'step': 3})
await session.wait()
"""


def test_edits_that_are_interrupted_at_any_moment_leave_a_run_of_which_every_segment_is_proved(
    kernel,
):
    chance = random.Random(3)
    kernel.run(
        "edits, session = 0, attach('edits', rbt.ReplayFeed(bars, speed=2e6), params={'step': 3})"
    )

    for _ in range(8):
        cell = kernel.start(EDITING)
        kernel.listen(lambda cell=cell: kernel.is_busy(cell))
        kernel.listen_for(chance.uniform(0, 0.3))
        assert kernel.interrupt_until_replied(cell)["ename"] in {
            "KeyboardInterrupt",
            "CancelledError",
        }
        assert kernel.run("print(list(rbt.sessions()), session.engine.failure)").split() == [
            "['edits']",
            "None",
        ]
    kernel.run(LAST_EDIT)

    seen = kernel.run(
        "print(session.parity().identical, len(session.result().performance), session.parity())"
    )
    assert seen.split()[:2] == ["True", "150"], seen
    assert int(kernel.run("print(rows('edits', 'Swapped'))")) >= 4
