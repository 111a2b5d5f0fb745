"""The slices of a calendar, and the slice that a bar's stamp means.

The rule: a stamp means one slice or none; whether stamps name starts or ENDs is set
once for a whole source.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from rbtlive.data.calendars.calendar import TradingCalendar, us_of
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.model.arrays import np
from rbtlive.model.interval import Interval

Labels = Literal["end", "start"]
"""Which end of a bar its stamp names."""
_JUST_BEFORE_US = 1_000
"""Vendors that close a bar at 10:58:59.999 mean 10:59."""


class SlotAxis:
    """The slices of a calendar: the ENDs of its bars, in microseconds since 1970.

    Args:
        calendar: Calendar of the sessions; for weeks or months, their own calendar.
        frequency: Length of a bar, e.g. "1d" for one slice per session.
        labels: Whether stamps name the END of a bar, or its start.

    Raises:
        BadFrequency: `frequency` is not an interval.
    """

    def __init__(
        self, calendar: TradingCalendar, *, frequency: str | Interval, labels: Labels = "end"
    ) -> None:
        self.calendar = calendar
        self.labels = labels
        self.interval = Interval.parse(frequency)
        self.frequency = self.interval.text
        self.step_us = self.interval.us
        self._grid = BarGrid(calendar, self.interval)
        self._zone = ZoneInfo(str(calendar.tz))

    def slot_of(self, moment: datetime | date) -> int | None:
        """Return the END of the slice that a bar's stamp means; None if it is in no
        slice.

        A daily bar may be stamped with any time in its session, including its close (or
        its open if stamps name starts), with midnight (UTC or the exchange's) of its
        label if no session is open at that moment, or with the label itself, a date; a
        bar of a week or month with any of these for any of its days. An intraday bar is
        stamped with its END, or up to a millisecond before it; or with its start.
        """
        if not isinstance(moment, datetime):
            return None if self.interval.intraday else self._close_of_label(moment)
        moment_us = us_of(moment)
        if self.interval.intraday:
            return self._intraday_slot(moment_us)
        begun_us = moment_us + (self.labels == "start")
        session = self.calendar.session_of_us(begun_us)
        if session >= 0:
            return int(self.calendar.closes_us[session])
        for local in (moment.astimezone(UTC), moment.astimezone(self._zone)):
            if local.hour == local.minute == local.second == local.microsecond == 0:
                slot = self._close_of_label(local.date())
                if slot is not None:
                    return slot
        return None

    def _intraday_slot(self, moment_us: int) -> int | None:
        if self.labels == "start":
            end_us = self._grid.end_of(moment_us + 1)
            begins = end_us is not None and self._grid.begin_of(end_us) == moment_us
            return end_us if begins else None
        end_us = self._grid.end_of(moment_us)
        if end_us is None or not 0 <= end_us - moment_us <= _JUST_BEFORE_US:
            return None
        return end_us

    def slot_at(self, moment_us: int) -> int | None:
        """Return the END of the slice in which an event happened, including its start
        and a session's close; None outside trading.
        """
        return self._grid.end_of(moment_us + 1) or self._grid.end_of(moment_us)

    def begin_of(self, slot_us: int) -> int:
        """Return when the slice with this END begins, µs UTC."""
        return self._grid.begin_of(slot_us)

    def is_next(self, slot_us: int, after_us: int) -> bool:
        """Say whether no slice ends between two ENDs."""
        return next(self.slots(after_us=after_us, before_us=slot_us + 1), slot_us) == slot_us

    def is_open_at(self, moment_us: int) -> bool:
        """Say whether a session opens at a moment."""
        opens = self.calendar.opens_us
        found = int(np.searchsorted(opens, moment_us))
        return found < len(opens) and int(opens[found]) == moment_us

    def is_close_at(self, moment_us: int) -> bool:
        """Say whether a session closes at a moment."""
        closes = self.calendar.closes_us
        found = int(np.searchsorted(closes, moment_us))
        return found < len(closes) and int(closes[found]) == moment_us

    def slots(self, *, after_us: int, before_us: int) -> Iterator[int]:
        """Yield the slices that end strictly between two moments, in order."""
        closes = self.calendar.closes_us
        session = int(np.searchsorted(closes, after_us, side="right"))
        if not self.interval.intraday:
            yield from closes[session : int(np.searchsorted(closes, before_us))].tolist()
            return
        while session < len(closes) and self.calendar.opens_us[session] < before_us:
            ends = self._grid.ends_us(session)
            yield from ends[(ends > after_us) & (ends < before_us)].tolist()
            session += 1

    def last_at(self, moment_us: int) -> int | None:
        """Return the END of the last slice finished at a moment; None if there is
        none.
        """
        closes = self.calendar.closes_us
        session = int(np.searchsorted(closes, moment_us, side="right"))
        if self.interval.intraday and session < len(closes):
            ends = self._grid.ends_us(session)
            over = int(np.searchsorted(ends, moment_us, side="right"))
            if over:
                return int(ends[over - 1])
        return int(closes[session - 1]) if session else None

    def stretch(self, moment_us: int) -> tuple[int, int]:
        """Return the (begin, end] around a moment in which full-length bars follow each
        other without a break.

        (0, 0) if no session is open, or if slices are whole sessions.
        """
        if not self.interval.intraday:
            return 0, 0
        begin_us, end_us = self._grid.stretch(moment_us)
        return begin_us, end_us - (end_us - begin_us) % self.step_us

    def _close_of_label(self, label: date) -> int | None:
        day = np.array([label], dtype="datetime64[D]")
        session = int(self.calendar.sessions_of_labels(day)[0])
        return None if session < 0 else int(self.calendar.closes_us[session])


class SlotLine:
    """The latest slice, among those that follow each other without a break, and the
    next one.

    Both are stored as date-times, which are compared in a tenth of the time needed to
    compute with one.

    Args:
        axis: The slices of the calendar.

    Attributes:
        moment: END of the slice; None before the first, and if the last stamp was not
            in such a line.
        us: The same in µs UTC.
        next_moment: END of the next slice; None if another stretch begins.
        next_us: END of the slice plus the length of a bar.
        begin_us: Start of the stretch.
        end_us: END of its last slice.
        step_us: Length of a bar.
    """

    __slots__ = (
        "_axis",
        "_step",
        "begin_us",
        "end_us",
        "moment",
        "next_moment",
        "next_us",
        "step_us",
        "us",
    )

    def __init__(self, axis: SlotAxis) -> None:
        self._axis = axis
        self.step_us = axis.step_us
        self._step = timedelta(microseconds=axis.step_us)
        self.begin_us = self.end_us = self.us = self.next_us = 0
        self.moment: datetime | None = None
        self.next_moment: datetime | None = None

    def place(self, moment: datetime) -> int | None:
        """Move to the slice with this END, and return it in µs UTC; None if it is not a
        slice of a stretch.
        """
        if moment == self.next_moment:
            us = self.next_us
        else:
            us = us_of(moment)
            if not self.begin_us < us <= self.end_us:
                self.begin_us, self.end_us = self._axis.stretch(us)
            if not self.begin_us < us <= self.end_us or (us - self.begin_us) % self.step_us:
                self.moment = self.next_moment = None
                return None
        self.moment, self.us = moment, us
        self.next_us = us + self.step_us
        self.next_moment = moment + self._step if self.next_us <= self.end_us else None
        return us
