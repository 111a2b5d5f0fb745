"""Stop sessions gracefully when the process ends, if the loop can still be run.

The rule: this is only an extra. Journals are written continuously, and a process may
die without any of it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rbtlive.notebook.session import LiveSession

LIMIT_S = 3.0
"""Kernels are killed a few seconds after they are asked to end."""


def stop_at_exit(running: Callable[[], Iterable[LiveSession]]) -> None:
    """Stop the running sessions when the interpreter exits.

    Args:
        running: Returns the sessions running then.
    """
    owner = os.getpid()

    def stop() -> None:
        if os.getpid() == owner:  # a forked child's exit is not its parent's
            stop_all(running())

    atexit.register(stop)


def _stop_on_thread(session: LiveSession, loop: asyncio.AbstractEventLoop) -> None:
    asked = asyncio.run_coroutine_threadsafe(session.engine.graceful_shutdown(), loop)
    ended = asyncio.run_coroutine_threadsafe(session.wait(), loop)
    try:
        asked.result(LIMIT_S)
        ended.result(LIMIT_S)
    except Exception:  # noqa: BLE001 - the process ends: the failure is in the session's log and journal
        session.leave()


def stop_all(sessions: Iterable[LiveSession]) -> None:
    """Stop sessions whose loop no longer runs, or release them."""
    for session in sessions:
        loop = session.loop
        if session.thread is not None and loop is not None and loop.is_running():
            _stop_on_thread(session, loop)
            continue
        if loop is None or loop.is_closed() or loop.is_running():
            session.leave()
            continue
        ending = loop.create_task(session.engine.graceful_shutdown())
        waiting = loop.create_task(session.wait())
        end = time.monotonic() + LIMIT_S
        while not (ending.done() and waiting.done()) and time.monotonic() < end:
            # a pending loop.stop() ends the first run early: continue
            with contextlib.suppress(RuntimeError):
                loop.run_until_complete(
                    asyncio.wait({ending, waiting}, timeout=end - time.monotonic())
                )
        if not waiting.done():
            session.leave()
        elif not waiting.cancelled():
            waiting.exception()
