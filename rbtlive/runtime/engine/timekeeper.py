"""The clock's role in a live run: close overdue slices, open sessions on time, notice
silence.

The rule: it only makes things punctual that event time would do anyway, and each of its
actions is an event. A feed of past bars (a recording) is left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.data.feeds.as_feed import DataFeed
from rbtlive.model.events import CircuitBreakerEvent, Event, ScheduledTriggerEvent
from rbtlive.model.interval import DAY, MINUTE, Interval
from rbtlive.runtime.clock import Clock
from rbtlive.runtime.engine.decision_age import OpenTime

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore

TICK_S = 0.5
GRACE_S = 5.0
DAILY_GRACE_S = 900.0
"""Daily bars arrive minutes after the close, and nobody trades before the next open.
"""
STALE_AFTER_BARS = 2.0
"""Intervals of open hours without a bar after which prices are stale."""
_PRESENT_BARS = 10
_PRESENT = timedelta(days=4)
"""How long ago a current bar may have ended: this many bars of a session, or this long
beyond a longer bar's length, for weekends.
"""


class Holding(Protocol):
    """Holds sessions back."""

    @property
    def is_held(self) -> bool:
        """Whether no session may begin now."""


class Timekeeper:
    """Watches the time for one engine.

    The feed's own stamps plus elapsed time give the current time; wall time can only
    hold it back. A wall clock that jumps forward closes no slice whose bars may still
    come.

    Args:
        feed: The live feed.
        clock: Provides wall time and elapsed time.
        tell: Puts events into the queue.
        grace_s: How late a slice's bars may arrive before the clock closes it; for
            daily bars at least `DAILY_GRACE_S`.
        stale_after_bars: Intervals of open hours without a bar after which prices are
            stale; None never.
        sessions: Says whether a session may begin now; None lets each begin.

    Attributes:
        stale: Whether no bar has come for that long.
        is_present: Whether the feed's bars were current when they arrived.
    """

    def __init__(
        self,
        feed: DataFeed,
        clock: Clock,
        tell: Callable[[Event], None],
        *,
        grace_s: float = GRACE_S,
        stale_after_bars: float | None = STALE_AFTER_BARS,
        sessions: Holding | None = None,
    ) -> None:
        self.stale = False
        self.is_present = False
        self._was_present = False
        self._feed = feed
        self._clock = clock
        self._tell = tell
        self._sessions = sessions
        self._grace = timedelta(seconds=grace_s)
        self._stale_after_bars = stale_after_bars
        self._lead_us: int | None = None
        self._slice_lead_us: int | None = None  # the same, for slices that were processed alone
        self._last_bar_us = 0
        self._interval = MINUTE
        self._open_time: OpenTime | None = None
        self._opened_session = -1

    def present(self) -> datetime:
        """Return the latest END that a current bar can have.

        This is wall time; if a wall clock was set back, it is the time by the processed
        slices plus elapsed time.
        """
        wall = self._clock.now()
        if self._slice_lead_us is None:
            return wall
        return max(wall, datetime_of(self._slice_lead_us + self._passed_us()))

    def note_slice(self, timestamp: datetime, interval: Interval, *, empty: bool = False) -> None:
        """Record a processed slice; one without bars tells nothing about the feed."""
        if empty:
            return
        self._interval = interval
        self._last_bar_us = self._passed_us()
        self._note_lead(timestamp)
        known_us = self._slice_lead_us
        self._slice_lead_us = (
            us_of(timestamp) - self._passed_us()
            if self._slice_lead_us is None
            else max(self._slice_lead_us, us_of(timestamp) - self._passed_us())
        )
        near = _present(interval)
        self.is_present = abs(self._clock.now() - timestamp) <= near
        if self.is_present:
            self._was_present = True
        elif self._was_present and known_us is not None:
            # If the wall clock was changed, a feed that continues as before is still
            # live.
            going_on = datetime_of(known_us + self._passed_us())
            self.is_present = abs(going_on - timestamp) <= near
        self.stale = False

    async def run(self, core: Callable[[], TradingCore]) -> None:
        """Watch the time forever."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            if self.is_present:
                self.tick(core(), blocked=loop.time() > due_s + TICK_S)
            else:
                self.begin(core())

    def begin(self, core: TradingCore) -> None:
        """Let the feed close its first slice, if current bars have arrived for it."""
        interval = core.state.settings.interval
        begun, now = self._feed.reached or self._feed.awaited, self._clock.now()
        if begun is not None and abs(now - begun) <= _present(interval):
            self._interval = interval
            self._feed.close_through(now - self._patience)

    @property
    def _patience(self) -> timedelta:
        # How late the bars of a slice may arrive before the clock closes it.
        daily = timedelta(seconds=0.0 if self._interval.intraday else DAILY_GRACE_S)
        return max(self._grace, daily)

    def tick(self, core: TradingCore, *, blocked: bool = False) -> None:
        """Do the work that is due now.

        Args:
            core: The core that trades.
            blocked: Whether the loop was blocked until now: bars that arrived meanwhile
                are read before slices are closed.
        """
        if (
            self._feed.reached is not None
        ):  # a slice that arrives bar by bar is processed when it is complete, but starts before
            self._note_lead(self._feed.reached)
        now = self._now()
        now_us = us_of(now)
        if not blocked:
            self._feed.close_through(now - self._patience)
        session = core.state.calendar.next_session(now_us)
        morning = session > self._opened_session and now_us >= core.state.calendar.morning_us(
            session
        )
        held = self._sessions is not None and self._sessions.is_held
        if morning and not held and _is_next(core, session):
            self._opened_session = session
            self._tell(ScheduledTriggerEvent(timestamp=now, name="before_trading_start"))
        if self.stale or self._stale_after_bars is None:
            return
        silence_s = self.silence_s(core)
        if silence_s:
            self.stale = True
            self._tell(
                CircuitBreakerEvent(
                    timestamp=now,
                    name="stale data",
                    reason=f"no bar for {silence_s:.0f} s of open hours",
                )
            )

    def silence_s(self, core: TradingCore) -> float:
        """Return for how many seconds of open hours no bar has come, if that is too
        long; otherwise 0.

        A run without its own limit is shown as silent after `STALE_AFTER_BARS`.
        """
        limit = STALE_AFTER_BARS if self._stale_after_bars is None else self._stale_after_bars
        if self._lead_us is None or not self._interval.intraday:
            return 0.0
        allowed_us = int(self._interval.us * limit) + self._grace // timedelta(microseconds=1)
        if self._passed_us() - self._last_bar_us <= allowed_us:
            return 0.0
        # By the slices plus elapsed time: a wall clock may have been set back to before
        # the open.
        lead_us = self._lead_us if self._slice_lead_us is None else self._slice_lead_us
        now = max(self._now(), datetime_of(lead_us + self._passed_us()))
        calendar = core.state.calendar
        session = calendar.next_session(us_of(now))
        open_us, close_us = calendar.opens_us.item(session), calendar.closes_us.item(session)
        now_us = us_of(now)
        since_us = now_us - (self._passed_us() - self._last_bar_us)
        if allowed_us <= close_us - open_us:  # otherwise the missing bars are of several sessions
            since_us = max(since_us, open_us)
        if self._open_time is None:
            self._open_time = OpenTime(calendar)
        open_s = (self._open_time.before(now_us) - self._open_time.before(since_us)) / 1e6
        return open_s if open_s * 1e6 > allowed_us else 0.0

    def _note_lead(self, reached: datetime) -> None:
        lead_us = us_of(reached) - self._passed_us()
        self._lead_us = lead_us if self._lead_us is None else max(self._lead_us, lead_us)

    def _now(self) -> datetime:
        wall = self._clock.now()
        return (
            wall
            if self._lead_us is None
            else min(wall, datetime_of(self._lead_us + self._passed_us()))
        )

    def _passed_us(self) -> int:
        return self._clock.monotonic_ns() // 1000


def _is_next(core: TradingCore, session: int) -> bool:
    # Bars may be ahead of a wall clock that was set back, or behind it while their feed
    # is away: a session is entered only once, and only after the previous one has
    # ended.
    entered = core.state.market.session
    if core.state.session_open:
        return session == entered
    return session >= entered if not core.state.record.sessions else session == entered + 1


def _present(interval: Interval) -> timedelta:
    if interval.intraday:
        return interval.duration * _PRESENT_BARS
    return _PRESENT + interval.duration - DAY.duration
