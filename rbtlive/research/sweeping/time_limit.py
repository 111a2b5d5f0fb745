"""End a run that exceeds its time limit.

The rule: the exception is raised in the run's own thread, inside the run, and never in
later code; no signal handler is changed.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

AGAIN_S: Final = 1.0
"""The exception is raised again after this long."""
BLOCKED_S: Final = 60.0
"""Worker processes that do nothing for this long beyond their limit are killed: their
run waits in code that no exception reaches.
"""


class RunTimedOut(BaseException):
    """Raised inside a run that takes too long; its `except Exception` does not catch
    it.
    """


def call_within(seconds: float | None, work: Callable[[], None]) -> None:
    """Call a function, and raise `RunTimedOut` in this thread after `seconds`.

    Code outside Python (a sleep, a wait for a lock) is interrupted only when it
    returns.
    """
    if seconds is None:
        work()
        return
    guard = _Guard(seconds, sys._getframe())  # noqa: SLF001 - the only way to identify a call
    try:
        guard.start()
        work()
    finally:
        guard.disarm()


class _Guard(threading.Thread):
    def __init__(self, seconds: float, frame: FrameType) -> None:
        super().__init__(name="rbtlive-time-limit", daemon=True)
        self._guarded = threading.get_ident()
        self._frame: FrameType | None = frame
        self._seconds = seconds
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._raised = False

    # Whether the call still runs: the exception could arrive between it and `disarm`.
    def _is_inside(self) -> bool:
        frame = sys._current_frames().get(self._guarded)  # noqa: SLF001 - as above
        while frame is not None and frame is not self._frame:
            frame = frame.f_back
        return frame is not None

    # Repeatedly, because a bare `except` may have caught it.
    def run(self) -> None:
        wait_s = self._seconds
        while not self._over.wait(wait_s):
            with self._lock:
                if self._over.is_set() or not self._is_inside():
                    break
                self._raised = True
                self._send()
            wait_s = AGAIN_S
        self._frame = None  # and everything that it references

    # An exception that was raised but has not arrived is replaced by another one, which
    # is awaited and dropped. Cancelling it with NULL would leave Python 3.11's flag for
    # pending exceptions set forever, and a profiled thread would hang.
    def disarm(self) -> None:
        while True:
            try:
                with self._lock:
                    self._over.set()
                if not self._raised:
                    return
                self._raised = False
                self._send()
                while True:
                    time.sleep(0)
            except RunTimedOut:
                continue

    def _send(self) -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(self._guarded), ctypes.py_object(RunTimedOut)
        )
