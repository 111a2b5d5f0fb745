"""Waits for a broker where nothing else goes on: on the way to running, and at the end.

The rule: what the broker raises is a failure of this session, its silence is said, and
a stop gives it up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from rbtlive.errors import BrokerError
from rbtlive.runtime.engine.containment import guarded, lost_task

if TYPE_CHECKING:
    from rbtlive.runtime.engine.live_run import LiveRun

T = TypeVar("T")
SILENCE_S = 10.0
"""How long a broker may be silent before that is said, or before it is left."""


class GivenUp(Exception):  # noqa: N818 - no error: somebody stopped the session
    """The session was stopped while it waited for its broker."""


class Reaching:
    """One engine's waits for its broker.

    Args:
        run: The engine's run.

    Attributes:
        cut_short: A wait was given up.
    """

    def __init__(self, run: LiveRun) -> None:
        self.cut_short = False
        self._run = run
        self._task: asyncio.Task[Any] | None = None
        self._given_up = False

    async def reach(self, work: Coroutine[Any, Any, T], what: str) -> T:
        """Await the broker on the way to running.

        Args:
            work: What is awaited.
            what: What to call it.

        Raises:
            GivenUp: `give_up` was called.
            BrokerError: the broker raised what would end a task or the program.
        """
        if self._given_up:
            work.close()
            raise GivenUp
        self._task = task = self._started(work, what)
        waited_s = 0.0
        try:
            while not (await asyncio.wait({task}, timeout=SILENCE_S))[0]:
                waited_s += SILENCE_S
                self._say(f"has not answered for {waited_s:.0f} s: {what}")
        finally:
            self._task = None
            task.cancel()
        if task.cancelled():
            self.cut_short = True
            raise GivenUp if self._given_up else lost_task(what)
        return task.result()

    async def leave(self, work: Coroutine[Any, Any, Any], what: str) -> None:
        """Await the broker at the end, for a while.

        Raises:
            BrokerError: the broker raised what would end a task or the program.
        """
        task = self._started(work, what)
        try:
            done, _waiting = await asyncio.wait({task}, timeout=SILENCE_S)
        finally:
            task.cancel()
        if not done:
            self._say(f"has not answered for {SILENCE_S:.0f} s: {what} is left")
        elif not task.cancelled():
            task.result()

    def give_up(self) -> None:
        """End a wait on the way to running."""
        self._given_up = True
        if self._task is not None:
            self._task.cancel()

    def _started(self, work: Coroutine[Any, Any, T], what: str) -> asyncio.Task[T]:
        kept = guarded(work, f"{what} of {self._run.broker.name}", BrokerError)
        task = asyncio.create_task(kept, name=f"rbtlive {what}")
        task.add_done_callback(lambda _task: work.close())  # it may never have begun
        return task

    def _say(self, text: str) -> None:
        self._run.on_message("warning", f"{self._run.broker.name} {text}")
