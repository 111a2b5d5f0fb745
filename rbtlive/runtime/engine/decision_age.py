"""How old the slice is that a strategy decides on, and whether orders may follow.

The rule: the age is judged once, before the slice is processed, and journaled as an
event; the core denies by that event alone, so that a replay decides the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from rbtlive.data.calendars.calendar import TradingCalendar, datetime_of, us_of
from rbtlive.errors import InvalidSetting
from rbtlive.model.arrays import np
from rbtlive.model.events import (
    DecisionAgeEvent,
    Event,
    MarketDataEvent,
    OrderFillEvent,
    OrderRejectEvent,
    OrderUpdateEvent,
    ScheduledTriggerEvent,
    SystemErrorEvent,
)
from rbtlive.model.interval import Interval
from rbtlive.runtime.journal.journal import RowKind

if TYPE_CHECKING:
    from rbtlive.core.state.settings import RunSettings
    from rbtlive.runtime.engine.live_run import LiveRun

FEED_IS_LIVE = "FeedIsLive"
"""Type of the note that a slice of the present has come: the feed is no recording."""
LateOrders = Literal["deny", "send"]
INTERVALS = 2
"""Intervals of open time that a slice of minutes or hours may be old by default."""
RECORDING = timedelta(days=366)
"""Bars that are older than this are a recording that is played, if the run has seen no
present ones yet."""
SESSION_GRACE = timedelta(minutes=15)
"""How long after a session's close its daily bar may still be on its way."""


@dataclass(frozen=True, slots=True)
class AgeLimit:
    """How old a slice may be for orders to be sent.

    Attributes:
        late_orders: "deny" keeps orders that are decided on an older slice from a
            broker, "send" sends them.
        max_age: The limit, None for the default: two intervals of open time, or the
            latest closed session in a run of days.
    """

    late_orders: LateOrders = "deny"
    max_age: timedelta | None = None


_LONGEST_S: Final = 86_400.0 * 365 * 100


def as_age(value: Any) -> timedelta | None:
    """Return `max_decision_age` as a duration: a timedelta, seconds, or an interval's
    text such as "5m".

    Raises:
        InvalidSetting: it is none of them, or not above zero.
    """
    age: timedelta | None = None
    if value is None:
        return None
    if isinstance(value, timedelta):
        age = value
    elif isinstance(value, str):
        age = Interval.parse(value, name="max_decision_age").duration
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < _LONGEST_S:
        age = timedelta(seconds=value)
    if age is None or age <= timedelta(0):
        raise InvalidSetting(
            f"max_decision_age must be a time above zero: was {value!r}; pass a timedelta, "
            'seconds, or a text such as "5m"'
        )
    return age


class DecisionAge:
    """Judges the age of one run's slices.

    Args:
        limit: What was asked for.
        settings: The run's.
        calendar: The run's.

    Attributes:
        has_been_live: Whether the run has seen a slice of the present: from then on no
            slice is taken for a recording's.
    """

    def __init__(self, limit: AgeLimit, settings: RunSettings, calendar: TradingCalendar) -> None:
        self._limit = limit
        self._calendar = calendar
        self._intraday = settings.intraday
        interval = Interval.parse(settings.frequency)
        self._interval_us = interval.us if interval.intraday else 0
        self.has_been_live = False

    def judge(
        self, slice_end: datetime, now: datetime, *, waiting: bool = False
    ) -> DecisionAgeEvent:
        """Return how old a slice is, as an event.

        Args:
            slice_end: END of the slice.
            now: What time it is where the slice comes from.
            waiting: Whether the slice was processed before, and something else asks for
                decisions now: the next one may still be on its way then.
        """
        age = now - slice_end
        if not self.has_been_live and self._limit.max_age is None and age > RECORDING:
            return DecisionAgeEvent(timestamp=slice_end, late=False)
        reason = self._objection(slice_end, now, waiting=waiting)
        if not reason:
            self.has_been_live = True
            return DecisionAgeEvent(timestamp=slice_end, late=False)
        return DecisionAgeEvent(timestamp=slice_end, late=True, reason=reason)

    def _objection(self, slice_end: datetime, now: datetime, *, waiting: bool) -> str:
        limit = self._limit.max_age
        what = f"late bar: decided on the slice of {slice_end:%Y-%m-%d %H:%M} UTC"
        if self._intraday:
            allowed_us = INTERVALS * self._interval_us if limit is None else _us(limit)
            age_us = self._open_us_between(us_of(slice_end), us_of(now), enough_us=allowed_us)
            if age_us <= allowed_us:
                return ""
            return (
                f"{what}, {age_us / 60e6:.1f} min of open time ago; "
                f"the limit is {allowed_us / 60e6:g} min"
            )
        if limit is not None:
            return "" if now - slice_end <= limit else f"{what}, {now - slice_end} ago"
        closed_by = now - SESSION_GRACE if waiting else now
        behind = self._closed_sessions(us_of(closed_by)) - self._closed_sessions(us_of(slice_end))
        if behind <= 0:
            return ""
        sessions = "session has" if behind == 1 else "sessions have"
        return f"{what}; {behind} {sessions} closed since"

    def _closed_sessions(self, us: int) -> int:
        return int(np.searchsorted(self._calendar.closes_us, us, side="right"))

    def _open_us_between(self, first_us: int, last_us: int, *, enough_us: int) -> int:
        if last_us - first_us <= enough_us:  # open time is never more than time
            return max(0, last_us - first_us)
        opens, closes = self._calendar.opens_us, self._calendar.closes_us
        low = int(np.searchsorted(closes, first_us, side="right"))
        high = int(np.searchsorted(opens, last_us, side="left"))
        spans = np.minimum(closes[low:high], last_us) - np.maximum(opens[low:high], first_us)
        return int(spans.sum())


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


class AgeWatch:
    """Says before each event of a live run how old its decisions would be.

    Args:
        run: The run.
        limit: What was asked for.
        settings: The run's.

    Attributes:
        judges: Whether anything is judged: a replay has no age.
    """

    def __init__(self, run: LiveRun, limit: AgeLimit, settings: RunSettings) -> None:
        self.judges = run.feed.is_live and limit.late_orders == "deny"
        self._run = run
        self._age = DecisionAge(limit, settings, settings.sessions)
        self._lead_us = us_of(run.clock.now()) - self._passed_us()

    def begin(self) -> None:
        """Read from the journal whether the feed has been live."""
        notes = self._run.journal.rows_of_kind(RowKind.NOTE)
        self._age.has_been_live = any(row.type == FEED_IS_LIVE for row in notes)

    def before(self, event: Event, last_slice: datetime | None) -> DecisionAgeEvent | None:
        """Return what is to be processed before an event, None if nothing has changed.

        Args:
            event: What comes next.
            last_slice: END of the slice that was processed last.
        """
        core = self._run.core
        is_slice = type(event) is MarketDataEvent
        decided_on = event.timestamp if is_slice else last_slice
        if decided_on is None or not (is_slice or isinstance(event, _CALLING)):
            return None
        was_live = self._age.has_been_live
        run = self._run
        now = self._now()
        verdict = self._age.judge(decided_on, now, waiting=not is_slice)
        if self._age.has_been_live and not was_live:
            run.journal.append(RowKind.NOTE, FEED_IS_LIVE, timestamp=now, payload={})
        if not verdict.late:
            return verdict if core.state.late_reason else None
        if core.state.late_reason == verdict.reason or (core.state.late_reason and not is_slice):
            return None
        return verdict

    def _now(self) -> datetime:
        # The source's clock where it has one. Else this machine's at the start and the
        # time passed since, so that a wall clock that jumps forward denies nothing.
        run = self._run
        present = run.feed.present
        if present is not None:
            return present
        return min(run.clock.now(), datetime_of(self._lead_us + self._passed_us()))

    def _passed_us(self) -> int:
        return self._run.clock.monotonic_ns() // 1000


_CALLING = (
    OrderFillEvent,
    OrderUpdateEvent,
    OrderRejectEvent,
    ScheduledTriggerEvent,
    SystemErrorEvent,
)
"""What may call a strategy between two slices."""
