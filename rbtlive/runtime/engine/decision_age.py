"""The age of the slice that a strategy decides on, and whether its orders may be sent.

The rule: the age is judged once, before the slice is processed, and journaled as an
event; the core denies orders by that event alone, so that a replay decides the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

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
from rbtlive.runtime.journal.journal_reader import RowKind

if TYPE_CHECKING:
    from rbtlive.core.state.settings import RunSettings
    from rbtlive.runtime.engine.live_run import LiveRun

FEED_IS_LIVE = "FeedIsLive"
"""Type of the note that a current slice has arrived: the feed is not a recording."""
LateOrders = Literal["deny", "send"]
INTERVALS = 2
"""Default maximum age of a slice of minutes or hours, in intervals of open time."""
RECORDING = timedelta(days=366)
"""If the run has not seen current bars, bars older than this come from a recording."""
SESSION_GRACE = timedelta(minutes=15)
"""How long after a session's close its daily bar may still be on its way."""


@dataclass(frozen=True, slots=True)
class AgeLimit:
    """Maximum age of a slice for sending orders.

    Attributes:
        late_orders: "deny" denies orders that are decided on an older slice, "send"
            sends them.
        max_age: The limit; None for the default: two intervals of open time, or the
            latest closed session in a daily run.
    """

    late_orders: LateOrders = "deny"
    max_age: timedelta | None = None


LATE: Final = "late bar"
"""Prefix of the reason for denying an order decided on too old a slice."""

_LONGEST_S: Final = 86_400.0 * 365 * 100
_MICROSECOND: Final = timedelta(microseconds=1)
_RECORDING_US: Final = RECORDING // _MICROSECOND
_SESSION_GRACE_US: Final = SESSION_GRACE // _MICROSECOND
_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)
_END_OF_TIME_US: Final = 253_402_300_799_000_000
"""The last second of 9999, µs since 1970."""


def as_age(value: object) -> timedelta | None:
    """Return `max_decision_age` as a duration: a timedelta, seconds, or an interval's
    text such as "5m".

    Raises:
        InvalidSetting: it is none of these, or not above zero.
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


class OpenTime:
    """Measures the time in which a calendar's sessions are open, without lunch breaks.

    Args:
        calendar: The calendar.
    """

    def __init__(self, calendar: TradingCalendar) -> None:
        self._opens, self._closes = calendar.opens_us, calendar.closes_us
        if calendar.breaks_us is not None:  # the open times before and after lunch
            pauses, resumes = calendar.breaks_us.T
            self._opens = np.column_stack([self._opens, resumes]).ravel()
            self._closes = np.column_stack([pauses, self._closes]).ravel()
        self._until_close = np.cumsum(self._closes - self._opens)

    def before(self, us: int) -> int:
        """Return the microseconds of open time before a moment."""
        session = int(np.searchsorted(self._opens, us)) - 1
        if session < 0:
            return 0
        left_us = int(self._closes[session]) - us
        return int(self._until_close[session]) - max(0, left_us)

    def moment_of(self, open_us: int) -> int:
        """Return the first moment with this much open time before it."""
        session = int(np.searchsorted(self._until_close, open_us))
        if open_us <= 0 or session == len(self._closes):
            return 0
        return int(self._closes[session]) - int(self._until_close[session] - open_us)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The age of some slices.

    Attributes:
        reason: Why orders decided on them are denied; empty if they are not.
        until_us: The verdict also holds for later slices up to this END, at the same
            time of the clock.
    """

    reason: str
    until_us: int


_FRESH: Final = Verdict("", _END_OF_TIME_US)


class DecisionAge:
    """Judges the age of one run's slices.

    Args:
        limit: The limit requested.
        settings: The run's settings.
        calendar: The run's calendar.

    Attributes:
        has_been_live: Whether the run has seen a current slice; from then on no slice
            counts as recorded.
    """

    def __init__(self, limit: AgeLimit, settings: RunSettings, calendar: TradingCalendar) -> None:
        self._limit_us = None if limit.max_age is None else limit.max_age // _MICROSECOND
        self._closes = calendar.closes_us
        self._open_time = OpenTime(calendar) if settings.intraday else None
        self._allowed_us = self._limit_us or INTERVALS * settings.interval.us
        self.has_been_live = False

    def judge(self, slice_us: int, now_us: int, *, waiting: bool = False) -> Verdict:
        """Return the age of a slice.

        Args:
            slice_us: END of the slice.
            now_us: Current time at the slice's source.
            waiting: Whether the slice was processed earlier and another event asks for
                decisions now; then the next slice may still be on its way.
        """
        recorded_us = now_us - _RECORDING_US
        if not self.has_been_live and self._limit_us is None and slice_us < recorded_us:
            return Verdict("", recorded_us - 1)
        verdict = self._verdict(slice_us, now_us, waiting=waiting)
        if not verdict.reason:
            self.has_been_live = True
        return verdict

    def _verdict(self, slice_us: int, now_us: int, *, waiting: bool) -> Verdict:
        allowed_us, open_time = self._allowed_us, self._open_time
        if open_time is not None:
            if now_us - slice_us <= allowed_us:  # open time is never longer than elapsed time
                return _FRESH
            age_us = open_time.before(now_us) - open_time.before(slice_us)
            if age_us <= allowed_us:
                return _FRESH
            least_us = _step_below(age_us, allowed_us)
            until_us = open_time.moment_of(open_time.before(now_us) - least_us)
            return Verdict(
                f"{LATE}: decided on a slice more than {least_us / 60e6:g} min of open time old; "
                f"the limit is {allowed_us / 60e6:g} min",
                until_us - 1,
            )
        if self._limit_us is not None:
            age_us = now_us - slice_us
            if age_us <= self._limit_us:
                return _FRESH
            least_us = _step_below(age_us, self._limit_us)
            age, limit = (timedelta(microseconds=us) for us in (least_us, self._limit_us))
            return Verdict(
                f"{LATE}: decided on a slice more than {age} old; the limit is {limit}",
                now_us - least_us - 1,
            )
        closed_by = now_us - _SESSION_GRACE_US if waiting else now_us
        behind = self._closed_sessions(closed_by) - self._closed_sessions(slice_us)
        if behind <= 0:
            return _FRESH
        least = _step_below(behind, 1)
        sessions = "a session has" if least == 1 else f"{least} sessions or more have"
        return Verdict(f"{LATE}: {sessions} closed since the slice it was decided on", slice_us)

    def _closed_sessions(self, us: int) -> int:
        return int(np.searchsorted(self._closes, us, side="right"))


# The largest of `least`, twice `least`, four times `least` and so on that is not above
# `number`.
def _step_below(number: int, least: int) -> int:
    return least << (number // least).bit_length() - 1


class AgeWatch:
    """Reports before each event of a live run how old its decisions would be, if that
    has changed.

    Ages are reported in steps that double: a run that catches up with thousands of
    slices journals only a few rows.

    Args:
        run: The run.
        limit: The limit requested.
        settings: The run's settings.

    Attributes:
        judges: Whether ages are judged; a replay has no age.
        known_to: END of the last slice before which nothing is known to change. Slices
            arrive in the order of their ENDs, so this covers all up to it.
    """

    def __init__(self, run: LiveRun, limit: AgeLimit, settings: RunSettings) -> None:
        self.judges = run.feed.is_live and limit.late_orders == "deny"
        self._run = run
        self._age = DecisionAge(limit, settings, settings.sessions)
        self._lead_us = run.clock.now_us() - self._passed_us()
        self._now_us = 0
        self.known_to = _NO_TIME

    def begin(self) -> None:
        """Read from the journal whether the feed has been live."""
        notes = self._run.journal.rows_of_kind(RowKind.NOTE)
        self._age.has_been_live = any(row.type == FEED_IS_LIVE for row in notes)

    def look_at_the_clock(self) -> None:
        """Read the time, for the events that are processed in one go.

        This is the source's clock if it has one; otherwise this machine's clock at the
        start plus the elapsed time, so that a wall clock that jumps forward denies
        nothing.
        """
        run = self._run
        present = run.feed.present
        if present is not None:
            self._now_us = us_of(present)
        else:
            self._now_us = min(run.clock.now_us(), self._lead_us + self._passed_us())
        self.known_to = _NO_TIME

    def before(self, event: Event) -> DecisionAgeEvent | None:
        """Return the event to process before `event`, or None if nothing has
        changed.
        """
        is_slice = type(event) is MarketDataEvent
        if is_slice and event.timestamp <= self.known_to:
            return None
        decided_us = us_of(event.timestamp) if is_slice else self._last_slice_us(event)
        if decided_us is None:
            return None
        run, age = self._run, self._age
        was_live = age.has_been_live
        verdict = age.judge(decided_us, self._now_us, waiting=not is_slice)
        if age.has_been_live and not was_live:
            now = datetime_of(self._now_us)
            run.journal.append(RowKind.NOTE, FEED_IS_LIVE, timestamp=now, payload={})
        if is_slice:
            self.known_to = datetime_of(verdict.until_us)
        known, reason = run.core.state.late_reason, verdict.reason
        if known == reason or (known and reason and not is_slice):
            return None
        when = datetime_of(decided_us)
        return DecisionAgeEvent(timestamp=when, late=bool(reason), reason=reason)

    # END of the slice that a strategy decides on when `event` calls it between two
    # slices; None if it does not call it, or before the first slice.
    def _last_slice_us(self, event: Event) -> int | None:
        if not isinstance(event, _CALLING):
            return None
        run = self._run
        last_us = run.core.state.market.last_slice_us
        if last_us is None and run.last_slice is not None:
            return us_of(run.last_slice)
        return last_us

    def _passed_us(self) -> int:
        return self._run.clock.monotonic_ns() // 1000


_CALLING = (
    OrderFillEvent,
    OrderUpdateEvent,
    OrderRejectEvent,
    ScheduledTriggerEvent,
    SystemErrorEvent,
)
"""Events that may call a strategy between two slices."""
