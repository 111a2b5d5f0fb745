"""The clock's part in a live run: closes slices that are overdue, opens sessions on time, notices silence.

The rule: it only makes punctual what event time would do anyway, and everything it does is an event. A feed whose bars
are of the past (a recording that is played) is left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rbtlive.core.corporate_actions import before_trading_start_us
from rbtlive.data.calendar import us_of
from rbtlive.data.feed import DataFeed
from rbtlive.model.events import CircuitBreakerEvent, Event, ScheduledTriggerEvent
from rbtlive.runtime.clock import Clock

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore

TICK_S = 0.5
GRACE_S = 5.0
STALE_INTERVALS = 2
_INTERVAL = {"1m": timedelta(minutes=1), "1d": timedelta(days=1)}
_PRESENT = {"1m": timedelta(minutes=10), "1d": timedelta(days=4)}


class Timekeeper:
    """Watches the wall clock for one engine.

    Args:
        feed: The live feed.
        clock: Tells wall time.
        tell: Takes events for the queue.
        grace_s: How late a slice's bars may come before the clock closes it.

    Attributes:
        stale: Whether no bar has come for two intervals of open hours.
    """

    def __init__(
        self, feed: DataFeed, clock: Clock, tell: Callable[[Event], None], *, grace_s: float = GRACE_S
    ) -> None:
        self.stale = False
        self._feed = feed
        self._clock = clock
        self._tell = tell
        self._grace = timedelta(seconds=grace_s)
        self._last_slice: datetime | None = None
        self._last_bar_at: datetime | None = None
        self._frequency = "1m"
        self._opened_session = -1

    def note_slice(self, timestamp: datetime, frequency: str) -> None:
        """Take notice of a slice that was processed."""
        self._last_slice = timestamp
        self._frequency = frequency
        self._last_bar_at = self._clock.now()
        self.stale = False

    @property
    def is_present(self) -> bool:
        """Whether the feed's bars are of now."""
        if self._last_slice is None:
            return False
        return abs(self._clock.now() - self._last_slice) <= _PRESENT[self._frequency]

    async def run(self, core: Callable[[], TradingCore]) -> None:
        """Watch, for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            if self.is_present:
                self.tick(core())

    def tick(self, core: TradingCore) -> None:
        """Do what is due now."""
        now = self._clock.now()
        now_us = us_of(now)
        self._feed.close_through(now - self._grace)
        session = core.calendar.coming_session(now_us)
        if session > self._opened_session and now_us >= before_trading_start_us(core.calendar, session):
            self._opened_session = session
            self._tell(ScheduledTriggerEvent(timestamp=now, name="before_trading_start"))
        self._watch_silence(core, now, session)

    def _watch_silence(self, core: TradingCore, now: datetime, session: int) -> None:
        if self.stale or self._last_bar_at is None or self._frequency == "1d":
            return
        opened = core.calendar.open(session)
        silent_for = now - max(self._last_bar_at, opened)
        if now > opened and silent_for > _INTERVAL[self._frequency] * STALE_INTERVALS + self._grace:
            self.stale = True
            self._tell(
                CircuitBreakerEvent(
                    timestamp=now,
                    name="stale data",
                    reason=f"no bar for {silent_for.total_seconds():.0f} s of open hours",
                )
            )
