"""Loops run within a loop, in a real kernel: what the archived patch loses, and what
its successor does not.
"""

import pytest

from tests.notebook.kernels import Kernel

pytestmark = pytest.mark.kernel

SETUP = """\
import asyncio
import ipykernel
import rbtlive as rbt
from tests.builders import Churn, daily_frame, same

def attach(speed=None):
    return rbt.attach(Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame(40), speed=speed))
"""


@pytest.fixture
def kernel(tmp_path):
    kernel = Kernel(tmp_path)
    kernel.run(SETUP)
    yield kernel
    kernel.close()


def queued_during(kernel, nested):
    """Queue a cell while another runs the loop within the loop, and tell whether it
    ever gets its reply.
    """
    outer = kernel.start(nested)
    kernel.listen(lambda: kernel.is_busy(outer))
    queued = kernel.start("print('queued')")
    found = kernel.replied({outer, queued}, within_s=2)
    assert found[0] == outer
    return queued in found


def test_the_archived_patch_loses_a_cell_of_kernels_from_7_on_and_is_warned_of(kernel):
    major = int(kernel.run("print(ipykernel.version_info[0])"))
    kernel.run("import nest_asyncio\nnest_asyncio.apply()")

    kernel.run("session = attach()\nawait session.wait()")
    printed = "".join(content["text"] for content in kernel.messages("stream"))
    kept = queued_during(kernel, "asyncio.get_event_loop().run_until_complete(asyncio.sleep(0.5))")

    assert "nest_asyncio has patched asyncio: it is archived" in printed
    assert kept == (major < 7)


def test_the_archived_patch_is_warned_of_where_its_successor_comes_too_late(kernel):
    kernel.run("import nest_asyncio\nnest_asyncio.apply()\nrbt.enable_nested_loop()")

    printed = "".join(content["text"] for content in kernel.messages("stream"))

    assert "restart the kernel without nest_asyncio.apply()" in printed


def test_an_enabled_nested_loop_loses_no_cell_and_lets_a_cell_wait_without_await(kernel):
    kernel.run("rbt.enable_nested_loop()\nsession = attach(speed=5e6)")

    kept = [
        queued_during(kernel, "asyncio.get_event_loop().run_until_complete(asyncio.sleep(0.3))")
        for _ in range(3)
    ]
    kernel.run("asyncio.get_event_loop().run_until_complete(session.wait())")

    assert kept == [True, True, True]
    equal = "same(rbt.backtest(Churn, daily_frame(40)), session.result())"
    assert kernel.run(f"print(session.state, {equal})").split() == ["stopped", "True"]
    assert kernel.messages("stream")[-1]["name"] == "stdout"
    assert not any("nest_asyncio" in content["text"] for content in kernel.messages("stream"))
