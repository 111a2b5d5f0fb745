"""Ends a run that takes longer than it may.

The rule: an exception is raised in the run's own thread, where it is, and in nothing
that comes after; no signal handler is touched.
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
"""The exception is raised again after so long."""
BLOCKED_S: Final = 60.0
"""Worker processes that have done nothing for so long beyond their time are killed: a
run waits in code that no exception reaches.
"""


class RunTimedOut(BaseException):
    """Raised inside a run that takes too long; no `except Exception` of its keeps it
    going.
    """


def call_within(seconds: float | None, work: Callable[[], None]) -> None:
    """Call a function, and raise `RunTimedOut` in this thread once it has run for so
    long.

    Code that is not Python's (a sleep, a wait for a lock) is ended when it returns.
    """
    if seconds is None:
        work()
        return
    guard = _Guard(seconds, sys._getframe())  # noqa: SLF001 - the only way to name a call
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

    # Whether the call still runs: the exception may come between it and `disarm`.
    def _is_inside(self) -> bool:
        frame = sys._current_frames().get(self._guarded)  # noqa: SLF001 - as above
        while frame is not None and frame is not self._frame:
            frame = frame.f_back
        return frame is not None

    # Again and again: a bare `except` may have caught it.
    def run(self) -> None:
        wait_s = self._seconds
        while not self._over.wait(wait_s):
            with self._lock:
                if self._over.is_set() or not self._is_inside():
                    break
                self._raised = True
                self._send()
            wait_s = AGAIN_S
        self._frame = None  # with all that it holds

    # What was raised and has not arrived yet is replaced by one more, which is awaited
    # and dropped. Taking it back by NULL would leave Python 3.11's flag of exceptions
    # under way set for good, and a profiled thread would stand still.
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
