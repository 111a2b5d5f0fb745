"""Share the loop with a notebook: release it in time, and notice when others do not.

The rule: the loop is released by elapsed time and with a real timer. With `sleep(0)` a
busy engine would starve everything that waits for the loop's selector.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rbtlive.runtime.clock import Clock

SLICE_NS = 5_000_000
"""How long the engine may hold the loop before it releases it."""
PAUSE_S = 0.001
LAG_PERIOD_S = 0.25


class LoopBudget:
    """Releases the loop after a slice of time.

    Attributes:
        due_ns: When the loop must be released, by `now_ns`.
        now_ns: The clock's `monotonic_ns`.
    """

    __slots__ = ("due_ns", "now_ns")

    def __init__(self, clock: Clock) -> None:
        self.now_ns = clock.monotonic_ns
        self.due_ns = self.now_ns() + SLICE_NS

    def is_due(self) -> bool:
        """Say whether the loop was held long enough."""
        return self.now_ns() >= self.due_ns

    async def take(self) -> None:
        """Release the loop for a moment."""
        await asyncio.sleep(PAUSE_S)
        self.due_ns = self.now_ns() + SLICE_NS

    async def maybe(self) -> None:
        """Release the loop if that is due."""
        if self.is_due():
            await self.take()


async def watch_lag(clock: Clock, note: Callable[[float], None]) -> None:
    """Measure a few times a second how many seconds longer than requested a sleep took;
    runs forever.
    """
    now_ns = clock.monotonic_ns
    while True:
        before_ns = now_ns()
        await asyncio.sleep(LAG_PERIOD_S)
        note(max(0.0, (now_ns() - before_ns) / 1e9 - LAG_PERIOD_S))
