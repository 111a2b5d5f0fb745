"""The tasks that run beside an engine: feed, clock, broker watches.

The rule: every task has an owner, and an exception that ends a task ends the engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from rbtlive.errors import BrokerError, FeedDisconnected
from rbtlive.runtime.engine.containment import guarded, lost_task


class BackgroundTasks:
    """Tasks of one engine.

    Args:
        owner: Name of the strategy, for the names of the tasks.
        wake: Wakes the engine once a task has ended.

    Attributes:
        failure: The first exception that ended a task.
    """

    def __init__(self, owner: str, wake: Callable[[], None]) -> None:
        self._owner = owner
        self._wake = wake
        self._tasks: list[asyncio.Task[None]] = []
        self.failure: BaseException | None = None
        self._lost = ""

    @property
    def running(self) -> list[asyncio.Task[None]]:
        """The tasks that have not ended."""
        return [task for task in self._tasks if not task.done()]

    def start(self, coroutine: Coroutine[Any, Any, Any], name: str) -> None:
        """Run a coroutine until it ends."""
        error = FeedDisconnected if name == "feed" else BrokerError
        work = guarded(coroutine, f"the {name} task", error)
        task = asyncio.create_task(work, name=f"rbtlive {name} of {self._owner}")
        task.add_done_callback(lambda _task: coroutine.close())  # it may never have started
        task.add_done_callback(self._note_done)
        self._tasks.append(task)

    def _note_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._lost = task.get_name()
        elif task.exception() is not None and self.failure is None:
            self.failure = task.exception()
        self._wake()

    def raise_failure(self) -> None:
        """Raise the first exception that ended a task, or an error naming a task that
        was cancelled from outside.
        """
        if self.failure is not None:
            raise self.failure
        if self._lost:
            raise lost_task(self._lost)

    def cancel(self) -> None:
        """Cancel all tasks, without waiting."""
        for task in self._tasks:
            task.cancel()

    async def end(self) -> None:
        """Cancel all tasks, and wait until they have ended."""
        self.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
