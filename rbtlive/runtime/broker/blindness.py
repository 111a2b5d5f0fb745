"""The "blind" breaker: halts when a broker's books cannot be read, or an account may
not trade.

The rule: one failed look is not a reason to halt; no successful look for long enough
is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from rbtlive.model.events import CircuitBreakerEvent, Event

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore
    from rbtlive.runtime.clock import Clock


class Blindness:
    """Tracks since when one broker's books could not be read.

    Args:
        core: Returns the run's core.
        clock: Provides wall time and elapsed time.
        tell: Puts events into the queue.

    Attributes:
        failing: Whether the last look failed.
    """

    def __init__(
        self, core: Callable[[], TradingCore], clock: Clock, tell: Callable[[Event], None]
    ) -> None:
        self.failing = False
        self._core = core
        self._clock = clock
        self._tell = tell
        self._look_began_s: float | None = None
        self._blocked = ""
        self.saw()

    def look_begins(self) -> None:
        """Note that a look has begun."""
        self._look_began_s = self._now_s()

    def look_ends(self, *, failed: bool) -> None:
        """Note whether a look succeeded."""
        self.failing, self._look_began_s = failed, None
        if not failed:
            self.saw()

    def saw(self) -> None:
        """Note that the books have been read just now."""
        self._seen_s = self._now_s()

    def note_blocked(self, reason: str) -> None:
        """Halt trading if the account may not trade.

        Args:
            reason: Why the account may not trade; empty if it may.
        """
        if reason and self._blocked != reason:
            self._trip(f"the account may not trade: {reason}")
        self._blocked = reason

    async def keep_watching(self, blind_after_s: float | None) -> None:
        """Halt trading whenever the books cannot be read for too long; runs forever.

        Args:
            blind_after_s: How long, in seconds; None never halts.
        """
        self.saw()
        tripped_s = float("-inf")
        while blind_after_s is not None:
            await asyncio.sleep(min(1.0, blind_after_s / 4))
            since_s = self._seen_s if self.failing else self._look_began_s
            unseen_s = 0.0 if since_s is None else self._now_s() - since_s
            # After a resume, the full time starts again.
            if min(unseen_s, self._now_s() - tripped_s) > blind_after_s:
                tripped_s = self._now_s()
                self._trip(f"the broker's books could not be read for {unseen_s:.0f} s")

    def _trip(self, reason: str) -> None:
        if self._core().state.trading_state != "halted":
            self._tell(
                CircuitBreakerEvent(timestamp=self._clock.now(), name="blind", reason=reason)
            )

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9
