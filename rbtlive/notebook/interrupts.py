"""Protect short changes from being interrupted halfway.

The rule: an interrupt is delayed for the few milliseconds of a change, never lost; a
second one takes effect at once.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def interrupt_held_back() -> Iterator[None]:
    """Let the body finish before an interrupt takes effect, so that no lock or journal
    is left without an owner.

    A second interrupt takes effect at once, in case the body never ends. Only the main
    thread is interrupted, so on other threads nothing is done; nor if interrupts are
    ignored or end the process.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    held: list[tuple[int, Any]] = []

    def hold(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        held.append((number, frame))

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            before(*held[0])
