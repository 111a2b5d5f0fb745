"""Ctrl-C ends a wait at once, although polars makes the system continue it."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future

import pytest

from rbtlive.runtime.interruptible import first_done, result_of


def test_the_finished_futures_are_returned_as_soon_as_one_is():
    done, never = Future(), Future()
    done.set_result(3)

    assert first_done([never, done]) == [done]
    assert result_of(done) == 3


def test_none_is_finished_after_the_time_limit():
    assert first_done([Future()], 0.01) == []


def test_the_outcome_of_a_future_may_be_an_error():
    failed = Future()
    threading.Timer(0.05, failed.set_exception, [TimeoutError("its own")]).start()

    with pytest.raises(TimeoutError, match="its own"):
        result_of(failed)


WAITS = """
from concurrent.futures import Future
import polars
from rbtlive.runtime.interruptible import first_done

print("waits", flush=True)
first_done([Future()])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals of this kind")
def test_an_interrupt_ends_a_wait():
    with subprocess.Popen(
        [sys.executable, "-c", WAITS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": ""},
    ) as waiting:
        assert waiting.stdout.readline() == b"waits\n"
        time.sleep(0.3)  # until it waits: nothing outside shows when it begins
        waiting.send_signal(signal.SIGINT)
        _, said = waiting.communicate(timeout=30)

    assert said.endswith(b"KeyboardInterrupt\n")
