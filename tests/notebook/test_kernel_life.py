"""A kernel that is restarted or shut down: the session is stopped in time, and the next
kernel carries its run on.
"""

import pytest

from tests.notebook.kernels import Kernel

pytestmark = pytest.mark.kernel

SETUP = """\
import asyncio, time
import rbtlive as rbt
from rbtlive.runtime.journal.opening import open_run
from rbtlive.runtime.journal.state_folder import StateFolder
from tests.builders import Churn, Gated, daily_frame, processed, same

bars = daily_frame(60)

def left(name):
    with open_run(StateFolder(None), name) as run:
        return [row.type for row in run.rows()][-1], run.cut, run.ended

async def finished(name):
    session = rbt.attach(Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), name=name)
    await session.wait()
    return same(rbt.backtest(Churn, bars), session.result()) and session.parity().identical
"""


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    home, running = tmp_path_factory.mktemp("kernel"), []

    def start():
        running.append(Kernel(home))
        running[-1].run(SETUP)
        return running[-1]

    yield start
    for kernel in running:
        kernel.close()


@pytest.fixture(scope="module")
def kernel(kernels):
    return kernels()


def trade(kernel, name):
    kernel.run(
        f"session = rbt.attach(Churn, rbt.PaperBroker(), feed=Gated(bars, 25), name='{name}')"
    )
    kernel.run("await processed(session, 25)")


def assert_carried_on(kernel, name):
    assert kernel.run(f"print(left('{name}'))").strip() == "('Stopped', None, False)"
    assert kernel.run(f"print(await finished('{name}'))").strip() == "True"


@pytest.mark.parametrize(
    ("name", "cell"),
    [("idle", None), ("computing", "while True: pass"), ("waiting", "await session.wait()")],
)
def test_a_restarted_kernel_carries_on_what_was_stopped_in_time(kernel, name, cell):
    trade(kernel, name)
    if cell is not None:
        # A kernel ignores the interrupt of a restart until the cell itself runs.
        begun = kernel.start(f"print('runs', flush=True)\n{cell}")
        kernel.listen(lambda: "runs" in kernel.printed(begun))

    kernel.restart()
    kernel.run(SETUP)

    assert_carried_on(kernel, name)


def test_the_next_kernel_carries_on_what_a_shut_down_kernel_stopped_in_time(kernels):
    first = kernels()
    trade(first, "first")
    first.shut_down()
    second = kernels()

    assert_carried_on(second, "first")
