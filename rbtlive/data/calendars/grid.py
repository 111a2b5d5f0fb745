"""The bars of an interval on a calendar: their ENDs in each session, and the weeks and
months of sessions.

The rule: bars are counted from the session's open (after a lunch break, from its end);
the last bar before a close or break is shorter if a full one does not fit.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rbtlive.data.calendars.calendar import Micros, Periods, TradingCalendar
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.interval import MINUTE, Interval

_THURSDAY: Final = 3
"""1970-01-01 was a Thursday: (days since then + 3) / 7 counts ISO weeks."""


class BarGrid:
    """The bars of one interval on one calendar.

    Args:
        calendar: The calendar of the sessions. For weeks and months, pass the result of
            `calendar_of`, in which each of them is a session.
        interval: Length of a bar.
    """

    __slots__ = ("_step_us", "calendar", "interval")

    def __init__(self, calendar: TradingCalendar, interval: Interval) -> None:
        self.calendar = calendar
        self.interval = interval
        self._step_us = interval.us

    def ends_us(self, session: int) -> Micros:
        """Return the ENDs of a session's bars, µs UTC, ascending."""
        calendar = self.calendar
        if not self.interval.intraday:
            return calendar.closes_us[session : session + 1]
        if self.interval == MINUTE:
            return calendar.minutes_us(session)
        open_us, close_us = calendar.opens_us.item(session), calendar.closes_us.item(session)
        if calendar.breaks_us is None:
            return self._stretch_ends(open_us, close_us)
        pause_us, resume_us = map(int, calendar.breaks_us[session])
        return np.concatenate(
            [self._stretch_ends(open_us, pause_us), self._stretch_ends(resume_us, close_us)]
        )

    def _stretch_ends(self, begin_us: int, end_us: int) -> Micros:
        ends: Micros = np.arange(begin_us + self._step_us, end_us + self._step_us, self._step_us)
        if len(ends):
            ends[-1] = end_us
        return ends

    def stretch(self, us: int) -> tuple[int, int]:
        """Return the (begin, end] of trading without a break around a moment; (0, 0) if
        the moment is outside trading.
        """
        calendar = self.calendar
        session = calendar.session_of_us(us)
        if session < 0:
            return 0, 0
        begin_us, end_us = calendar.opens_us.item(session), calendar.closes_us.item(session)
        if calendar.breaks_us is not None:
            pause_us, resume_us = map(int, calendar.breaks_us[session])
            if pause_us < us <= resume_us:
                return 0, 0
            begin_us, end_us = (begin_us, pause_us) if us <= pause_us else (resume_us, end_us)
        return begin_us, end_us

    def end_of(self, us: int) -> int | None:
        """Return the END of the bar that contains a moment, including its own END; None
        outside trading.
        """
        if not self.interval.intraday:
            session = self.calendar.session_of_us(us)
            return None if session < 0 else self.calendar.closes_us.item(session)
        begin_us, end_us = self.stretch(us)
        if not end_us:
            return None
        return min(begin_us - (begin_us - us) // self._step_us * self._step_us, end_us)

    def begin_of(self, end_us: int) -> int:
        """Return when the bar with this END begins, µs UTC."""
        if not self.interval.intraday:
            return self.calendar.opens_us.item(self.calendar.session_of_us(end_us))
        begin_us, _ = self.stretch(end_us)
        return begin_us + (end_us - 1 - begin_us) // self._step_us * self._step_us

    def ends_of(self, us: Micros, sessions: NDArray[np.int32]) -> Micros:
        """Return `end_of` of many moments within their sessions at once."""
        calendar = self.calendar
        if not self.interval.intraday:
            return calendar.closes_us[sessions]
        begin, end = self._stretches(us, sessions)
        steps = -((begin - us) // self._step_us)
        return np.minimum(begin + steps * self._step_us, end)

    def sessions_of_ends(self, us: Micros) -> NDArray[np.int32]:
        """Return the session of each moment that is the END of a bar; -1 for other
        moments.
        """
        if self.interval == MINUTE:
            return self.calendar.sessions_of_minutes(us)
        sessions = self.calendar.sessions_of_minutes(us)
        inside = np.flatnonzero(sessions >= 0)
        moments = us[inside]
        off = self.ends_of(moments, sessions[inside]) != moments
        sessions[inside[off]] = -1
        return sessions

    def _stretches(self, us: Micros, sessions: NDArray[np.int32]) -> tuple[Micros, Micros]:
        calendar = self.calendar
        begin, end = calendar.opens_us[sessions], calendar.closes_us[sessions]
        if calendar.breaks_us is not None:
            pause = calendar.breaks_us[sessions]
            later = us > pause[:, 0]
            begin, end = np.where(later, pause[:, 1], begin), np.where(later, end, pause[:, 0])
        return begin, end


def calendar_of(calendar: TradingCalendar, interval: Interval) -> TradingCalendar:
    """Return the calendar for a run over bars of an interval.

    For weeks and months, each of them is one session: it opens with its first session,
    closes with its last, and has the last one's label. For all other intervals it is
    `calendar` itself.
    """
    if not interval.spans_sessions or calendar.periods is not None:
        return calendar
    return _periods(calendar, interval)


@lru_cache(maxsize=64)
def _periods(calendar: TradingCalendar, interval: Interval) -> TradingCalendar:
    key = period_keys(calendar.labels, interval)
    first = np.flatnonzero(np.diff(key, prepend=key[0] - 1))
    last = np.append(first[1:], len(key)) - 1
    # The last one may have sessions beyond the calendar.
    first, last = first[:-1], last[:-1]
    begins, ends = _dates_of(key[first], interval)
    return TradingCalendar(
        name=calendar.name,
        tz=calendar.tz,
        labels=calendar.labels[last],
        opens_us=calendar.opens_us[first],
        closes_us=calendar.closes_us[last],
        early_closes=np.zeros(len(first), dtype=np.bool_),
        periods=Periods(calendar, calendar.labels[first], begins, ends),
    )


def period_keys(labels: NDArray[np.datetime64], interval: Interval) -> NDArray[np.int64]:
    """Return a number for each date that is equal within an ISO week or a calendar
    month.
    """
    if interval.unit == "month":
        return labels.astype("datetime64[M]").astype(np.int64)
    assert interval.unit == "week", interval
    days = labels.astype("datetime64[D]").astype(np.int64)
    return (days + _THURSDAY) // 7


# First and last date of each week or month.
def _dates_of(
    keys: NDArray[np.int64], interval: Interval
) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
    if interval.unit == "month":
        return _first_of_month(keys), _first_of_month(keys + 1) - np.timedelta64(1, "D")
    mondays: NDArray[np.datetime64] = (keys * 7 - _THURSDAY).astype("datetime64[D]")
    return mondays, mondays + np.timedelta64(6, "D")


def _first_of_month(months: NDArray[np.int64]) -> NDArray[np.datetime64]:
    return months.astype("datetime64[M]").astype("datetime64[D]")
