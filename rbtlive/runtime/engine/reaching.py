"""Waits for a broker while nothing else runs: during the start, and at the end.

The rule: a broker's exception is a failure of this session, its silence is reported,
and a stop ends the wait.
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
"""How long a broker may be silent before that is reported, or before the wait ends."""


class GivenUp(Exception):  # noqa: N818 - not an error: the session was stopped
    """The session was stopped while it waited for its broker."""


class Reaching:
    """One engine's waits for its broker.

    Args:
        run: The engine's run.

    Attributes:
        cut_short: A wait was ended early.
    """

    def __init__(self, run: LiveRun) -> None:
        self.cut_short = False
        self._run = run
        self._task: asyncio.Task[Any] | None = None
        self._given_up = False

    async def reach(self, work: Coroutine[Any, Any, T], what: str) -> T:
        """Await the broker during the start.

        Args:
            work: The awaitable.
            what: Its name in messages.

        Raises:
            GivenUp: `give_up` was called.
            BrokerError: the broker raised an exception that would end a task or the
                program.
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
        """Await the broker at the end, for a limited time.

        Raises:
            BrokerError: the broker raised an exception that would end a task or the
                program.
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
        """End a wait of the start."""
        self._given_up = True
        if self._task is not None:
            self._task.cancel()

    def _started(self, work: Coroutine[Any, Any, T], what: str) -> asyncio.Task[T]:
        kept = guarded(work, f"{what} of {self._run.broker.name}", BrokerError)
        task = asyncio.create_task(kept, name=f"rbtlive {what}")
        task.add_done_callback(lambda _task: work.close())  # it may never have started
        return task

    def _say(self, text: str) -> None:
        self._run.on_message("warning", f"{self._run.broker.name} {text}")
