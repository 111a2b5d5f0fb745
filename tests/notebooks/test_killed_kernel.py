"""The tutorial on live trading, in a kernel that is killed while its session trades:
the next kernel carries the run on.
"""

import json
import os
import signal
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "notebooks" / "05_paper_trading_live.ipynb"
SECONDS = 60

FINISH = """
session = rbt.attach(Above, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), name="cockpit", **SPAN)
await session.wait()
alone = rbt.backtest(Above, bars, **SPAN)
result = session.result()
print(result.orders.equals(alone.orders), result.transactions.equals(alone.transactions),
      result.performance.equals(alone.performance), session.context.fills == len(alone.transactions),
      session.engine.journal.run_id)
"""


def cells_up_to_the_cockpit():
    """The code cells as a person runs them, the one that shows the panel last."""
    cells = json.loads(TUTORIAL.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    last = next(number for number, source in enumerate(sources) if 'name="cockpit"' in source)
    return sources[: last + 1], sources[last + 1]


class Kernel:
    """A kernel of this interpreter in a folder."""

    def __init__(self, folder):
        environment = {name: value for name, value in os.environ.items() if name != "RBTLIVE_HOME"}
        environment["PYTHONPATH"] = str(ROOT)
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def run(self, code):
        """Run a cell and return what it prints; a cell that raises fails the test."""
        printed = []

        def take(message):
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        reply = self.client.execute_interactive(code, output_hook=take, timeout=SECONDS)
        assert reply["content"]["status"] == "ok", "\n".join(reply["content"].get("traceback", []))
        return "".join(printed)

    def kill(self):
        """Send the signal that nothing can catch."""
        os.kill(self.manager.provisioner.process.pid, signal.SIGKILL)
        self.manager.provisioner.process.wait()

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def new_kernel(tmp_path):
    kernels = []

    def start():
        kernels.append(Kernel(tmp_path))
        return kernels[-1]

    yield start
    for kernel in kernels:
        kernel.close()


@pytest.mark.kernel
def test_a_session_goes_on_where_its_killed_kernel_left_it(new_kernel):
    cells, some_bars = cells_up_to_the_cockpit()
    first = new_kernel()
    for cell in cells:
        first.run(cell)
    first.run(some_bars)
    run_id = first.run("print(session.engine.journal.run_id)").strip()

    first.kill()
    second = new_kernel()
    for cell in cells[:-1]:
        second.run(cell)
    left = second.run(
        "seen = rbt.open_session('cockpit'); print(seen.run_id, seen.ended, "
        "len(seen.result().transactions) > 0)"
    )
    second.run(cells[-1])
    second.run(some_bars)
    finished = second.run(FINISH)

    assert left.split() == [run_id, "False", "True"]
    assert finished.splitlines()[-1].split() == ["True", "True", "True", "True", run_id]
