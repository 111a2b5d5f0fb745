"""An event loop on its own thread, for programs that do not run one.

The rule: the loop lives as long as the sessions started on it, and its thread never
keeps the process alive.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

from rbtlive.runtime.interruptible import result_of

T = TypeVar("T")
LINGER_S = 5.0
"""How long waiting callers are still served after the last session."""


class LoopThread:
    """A daemon thread that runs an event loop.

    Args:
        name: The thread's name.
    """

    def __init__(self, name: str) -> None:
        self._ready = threading.Event()
        self._sessions = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._ready.wait()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._ready.set()
        await self._ended.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=LINGER_S)

    @property
    def is_alive(self) -> bool:
        """Whether sessions can still be started on this loop."""
        return self._thread.is_alive() and not self._ended.is_set()

    def join(self, timeout_s: float) -> None:
        """Wait until the thread has ended, at most `timeout_s` seconds."""
        self._thread.join(timeout_s)

    def call(self, function: Callable[[], T]) -> T:
        """Run a plain function on the loop, in the caller's context variables, and
        return or raise its outcome.
        """
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()

        def work() -> None:
            try:
                answer.set_result(function())
            except BaseException as failure:  # noqa: BLE001 - carried over to the caller's thread
                answer.set_exception(failure)
                self._end_if_idle()

        self._loop.call_soon_threadsafe(work, context=contextvars.copy_context())
        return result_of(answer)

    def keep_for(self, task: asyncio.Task[None]) -> None:
        """Keep the loop until a task has ended; call it on the loop."""
        self._sessions += 1
        task.add_done_callback(self._note_end)

    def _note_end(self, _task: asyncio.Task[None]) -> None:
        self._sessions -= 1
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self._sessions == 0:
            self._ended.set()
