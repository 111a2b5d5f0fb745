"""Rules for dates and times at which scheduled functions run, on any exchange's
calendar.

The rule: a schedule is a function of the calendar and of event time, and a function
runs once a day at most. Source: zipline-reloaded 3.2.1, utils/events.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from typing import Any, Final, Protocol, SupportsIndex

from rbtlive.data.calendars.calendar import TradingCalendar
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.model.arrays import np
from rbtlive.model.calls import warn_user
from rbtlive.model.interval import DAY_US, MINUTE_US
from rbtlive.model.other_names import TeachingClass, by_word

MAX_WEEK_RANGE = 5
MAX_MONTH_RANGE = 23
_DATES: Final = by_word(
    {
        "date_rules.every_day()": "daily always all_days everyday each_day",
        "date_rules.week_start(), for the week's first session; days_offset=1 for the next": (
            "weekly every_week on monday tuesday wednesday thursday week_begin"
        ),
        "date_rules.week_end()": "friday end_of_week week_close",
        "date_rules.month_start()": "monthly every_month month_begin start_of_month month_open",
        "date_rules.month_end()": "end_of_month month_close",
        "date_rules.month_start(), and a test of the month in the function": (
            "quarter_start quarterly year_start yearly every_quarter every_year quarter_end "
            "year_end"
        ),
    }
)
_TIMES: Final = by_word(
    {
        "time_rules.market_open(hours=1, minutes=30), counted from the open": "at time after "
        "after_market_open open market_open_offset",
        "time_rules.market_close(minutes=15), counted back from the close": (
            "before before_market_close close"
        ),
        "one schedule_function for each time: a function runs once a day at most": (
            "every every_hour hourly every_n_minutes every_15_minutes every_5_minutes interval"
        ),
        "time_rules.market_open(hours=3)": "noon midday",
    }
)


class Rule(Protocol):
    """Says whether a function is due at a moment."""

    def matches(self, calendar: TradingCalendar, *, session: int, now_us: int) -> bool:
        """Return whether the rule holds at `now_us` (µs, UTC) within `session`."""
        ...


@dataclass(frozen=True, slots=True)
class Always:
    """Holds at every bar."""

    def matches(self, calendar: TradingCalendar, *, session: int, now_us: int) -> bool:
        """Return True."""
        del calendar, session, now_us
        return True


@dataclass(frozen=True, slots=True)
class NthSession:
    """Holds on one session of each week or month, counted on the whole calendar.

    Attributes:
        period: "week" (ISO) or "month".
        offset: From the start (0 is the first session) or, negative, from the end (-1
            is the last).
    """

    period: str
    offset: int

    def matches(self, calendar: TradingCalendar, *, session: int, now_us: int) -> bool:
        """Return whether `session` is that session; a period with too few sessions has
        none.
        """
        del now_us
        number, size = _place_in_period(calendar, self.period, session)
        return number == (self.offset if self.offset >= 0 else size + self.offset)


@dataclass(frozen=True, slots=True)
class FromOpen:
    """Holds at one minute, counted from the session's open: one minute is its first
    bar.
    """

    offset_us: int

    def matches(self, calendar: TradingCalendar, *, session: int, now_us: int) -> bool:
        """Return whether this is the minute."""
        return now_us == int(calendar.opens_us[session]) + self.offset_us


@dataclass(frozen=True, slots=True)
class BeforeClose:
    """Holds at one minute, counted back from the session's close."""

    offset_us: int

    def matches(self, calendar: TradingCalendar, *, session: int, now_us: int) -> bool:
        """Return whether this is the minute."""
        return now_us == int(calendar.closes_us[session]) - self.offset_us


@cache
def _period_places(calendar: TradingCalendar, period: str) -> list[tuple[int, int]]:
    # For each session: its number within its week or month, and that period's number of
    # sessions.
    def key(label: date) -> tuple[int, int]:
        return (label.year, label.month) if period == "month" else label.isocalendar()[:2]

    places: list[tuple[int, int]] = []
    run: list[int] = []
    current: tuple[int, int] | None = None
    for label in calendar.labels.tolist():
        if (this := key(label)) != current:
            places.extend((i, len(run)) for i in run)
            run, current = [], this
        run.append(len(run))
    places.extend((i, len(run)) for i in run)
    return places


def _place_in_period(calendar: TradingCalendar, period: str, session: int) -> tuple[int, int]:
    return _period_places(calendar, period)[session]


def _offset_in_range(days_offset: Any, limit: int, *, rule: str) -> int:
    if isinstance(days_offset, float):
        if days_offset != int(days_offset):
            raise TypeError(f"days_offset of {rule} must be a whole number: was {days_offset}")
        warn_user(f"days_offset of {rule} should be an int: was {days_offset}")
        days_offset = int(days_offset)
    if not 0 <= days_offset < limit:
        raise ValueError(
            f"days_offset of {rule} must be between 0 and {limit - 1}: was {days_offset}"
        )
    return int(days_offset)


class date_rules(metaclass=TeachingClass):  # noqa: N801 - zipline's name
    """On which sessions a scheduled function runs."""

    _elsewhere = _DATES

    @staticmethod
    def every_day() -> Rule:
        """Every session."""
        return Always()

    @staticmethod
    def week_start(days_offset: int = 0) -> Rule:
        """The session `days_offset` sessions after the first of each ISO week (0 to
        4).
        """
        return NthSession("week", _offset_in_range(days_offset, MAX_WEEK_RANGE, rule="week_start"))

    @staticmethod
    def week_end(days_offset: int = 0) -> Rule:
        """The session `days_offset` sessions before the last of each ISO week (0 to
        4).
        """
        return NthSession(
            "week", -1 - _offset_in_range(days_offset, MAX_WEEK_RANGE, rule="week_end")
        )

    @staticmethod
    def month_start(days_offset: int = 0) -> Rule:
        """The session `days_offset` sessions after the first of each month (0 to
        22).
        """
        return NthSession(
            "month", _offset_in_range(days_offset, MAX_MONTH_RANGE, rule="month_start")
        )

    @staticmethod
    def month_end(days_offset: int = 0) -> Rule:
        """The session `days_offset` sessions before the last of each month (0 to
        22).
        """
        return NthSession(
            "month", -1 - _offset_in_range(days_offset, MAX_MONTH_RANGE, rule="month_end")
        )


def _time_offset_us(offset: object, *, hours: float | None, minutes: float | None) -> int:
    if offset is not None and (hours is not None or minutes is not None):
        raise ValueError("a time rule takes an offset or hours and minutes, not both")
    if offset is None:
        if hours is None and minutes is None:
            return MINUTE_US
        given = (one.item() if isinstance(one, np.generic) else one for one in (hours, minutes))
        hour, minute = (one or 0 for one in given)
        offset = timedelta(hours=hour, minutes=minute)
    if not isinstance(offset, timedelta):
        raise TypeError(
            f"offset of a time rule must be a timedelta: was {offset!r}; pass hours=... or "
            "minutes=... by name"
        )
    if not timedelta(minutes=1) <= offset <= timedelta(hours=12):
        raise ValueError(
            f"offset of a time rule must be between 1 minute and 12 hours: was {offset}"
        )
    return int(offset / timedelta(microseconds=1))


class time_rules(metaclass=TeachingClass):  # noqa: N801 - zipline's name
    """At which minute of a session a scheduled function runs; daily and longer bars
    ignore them.

    On bars longer than a minute, a time after the open means the bar that contains it;
    a time before the close means the last bar that has ended by then, so that its
    orders can fill in the session.
    """

    _elsewhere = _TIMES

    @staticmethod
    def market_open(
        offset: object = None, hours: float | None = None, minutes: float | None = None
    ) -> Rule:
        """The minute that ends `offset` after the open; by default the first bar."""
        return FromOpen(_time_offset_us(offset, hours=hours, minutes=minutes))

    @staticmethod
    def market_close(
        offset: object = None, hours: float | None = None, minutes: float | None = None
    ) -> Rule:
        """The minute that ends `offset` before the close; by default one minute before
        the last bar.
        """
        return BeforeClose(_time_offset_us(offset, hours=hours, minutes=minutes))

    @staticmethod
    def every_minute() -> Rule:
        """Every bar; since a function runs once a day at most, the first bar."""
        return Always()


class calendars:  # noqa: N801 - zipline's name
    """Calendars that a schedule may use instead of the run's own."""

    US_EQUITIES = "XNYS"
    US_FUTURES = "us_futures"


@dataclass(slots=True)
class ScheduledFunction:
    """A user's function with its rules; it runs once a day at most.

    "A day" is 24 hours from the first bar examined, as in zipline: on daily bars, a
    function that ran at a late close does not run at an early close less than 24 hours
    later.

    Attributes:
        grid: The run's bars if longer than a minute: a time after the open means the
            bar that contains it, one before the close the last bar that has ended by
            then (the first bar if the session has none).
        rests_until_us: At every bar that ends before this time `is_due` would return
            False and change nothing.
    """

    callback: Callable[[Any, Any], Any]
    date_rule: Rule
    time_rule: Rule
    calendar: TradingCalendar
    half_days: bool = True
    grid: BarGrid | None = None
    rests_until_us: int = field(default=0, init=False)
    _bar: tuple[int, int] = field(default=(-1, 0))
    _day_ends_us: int | None = field(default=None)
    _ran: bool = field(default=False)

    def is_due(self, session: int, now_us: int) -> bool:
        """Return whether to run now, and remember that it ran.

        Args:
            session: Number of the session in the schedule's own calendar.
            now_us: END of the bar, µs UTC.
        """
        if self._day_ends_us is None or now_us >= self._day_ends_us:
            self._ran = False
            self._day_ends_us = now_us + DAY_US
        if not self._ran and self._holds(session, now_us):
            self._ran = True
            self.rests_until_us = self._day_ends_us
            return True
        self.rests_until_us = self._next_look(session, now_us, self._day_ends_us)
        return False

    def _next_look(self, session: int, now_us: int, day_ends_us: int) -> int:
        if self._ran:
            return day_ends_us
        if not isinstance(self.time_rule, (FromOpen, BeforeClose)):
            return now_us + 1
        bar_us = self._bar_of(session, self.time_rule)
        if bar_us <= now_us:
            bar_us = self.calendar.closes_us.item(session) + 1
        return min(bar_us, day_ends_us)

    def _holds(self, session: int, now_us: int) -> bool:
        rule = self.time_rule
        if isinstance(rule, (FromOpen, BeforeClose)):
            if now_us != self._bar_of(session, rule):  # for most bars this comparison decides
                return False
        elif not rule.matches(self.calendar, session=session, now_us=now_us):
            return False
        if not self.date_rule.matches(self.calendar, session=session, now_us=now_us):
            return False
        return self.half_days or not self.calendar.is_early_close(session)

    # END of the bar that the time means in a session; looked up once a session.
    def _bar_of(self, session: int, rule: FromOpen | BeforeClose) -> int:
        if self._bar[0] != session:
            calendar = self.calendar
            if self.grid is not None:
                end_us = _end_meant(self.grid, rule, calendar, session)
            elif isinstance(rule, FromOpen):
                end_us = calendar.opens_us.item(session) + rule.offset_us
            else:
                end_us = calendar.closes_us.item(session) - rule.offset_us
            self._bar = session, end_us
        return self._bar[1]


class Schedule(list[ScheduledFunction]):
    """Scheduled functions, in the order in which they run.

    Attributes:
        rests_until_us: No function is due at a bar that ends before this time.
    """

    rests_until_us = 0

    def append(self, scheduled: ScheduledFunction) -> None:
        """Add a function that runs after the others."""
        self.rests_until_us = 0
        super().append(scheduled)

    def insert(self, place: SupportsIndex, scheduled: ScheduledFunction) -> None:
        """Add a function that runs before those from `place` on."""
        self.rests_until_us = 0
        super().insert(place, scheduled)


def why_never(
    scheduled: ScheduledFunction, bars: TradingCalendar, first: date, last: date | None
) -> str | None:
    """Return why no bar ends at a function's time in most sessions of a run; None if
    one does.

    Args:
        scheduled: The function with its rules.
        bars: The calendar whose sessions have bars.
        first: Label of the run's first session.
        last: Label of its last one; None where the run has no end.
    """
    rule, calendar, grid = scheduled.time_rule, scheduled.calendar, scheduled.grid
    if not isinstance(rule, (FromOpen, BeforeClose)):
        return None
    dates = calendar.labels
    is_inside = dates >= np.datetime64(first, "D")
    if last is not None:
        is_inside &= dates <= np.datetime64(last, "D")
    opens_us, closes_us = calendar.opens_us[is_inside], calendar.closes_us[is_inside]
    if isinstance(rule, FromOpen):
        wanted_us = opens_us + rule.offset_us
        outside, where = wanted_us > closes_us, "behind the close"
    else:
        wanted_us = closes_us - rule.offset_us
        outside, where = wanted_us <= opens_us, "before the first bar"
    if 2 * int(outside.sum()) > len(outside):
        return where
    if grid is not None and (isinstance(rule, BeforeClose) or grid.calendar.breaks_us is None):
        return None
    minutes_us = wanted_us if grid is None else wanted_us // MINUTE_US * MINUTE_US
    rests = bars.sessions_of_minutes(minutes_us) < 0
    if 2 * int(rests.sum()) <= len(rests):
        return None
    return "between two minutes" if rule.offset_us % MINUTE_US else "within the lunch break"


def _end_meant(
    grid: BarGrid, rule: FromOpen | BeforeClose, calendar: TradingCalendar, session: int
) -> int:
    opens_us, closes_us = calendar.opens_us.item(session), calendar.closes_us.item(session)
    if isinstance(rule, FromOpen):
        wanted_us = opens_us + rule.offset_us
        return (grid.end_of(wanted_us) or -1) if wanted_us <= closes_us else -1
    wanted_us = closes_us - rule.offset_us
    of_bars = grid.calendar.session_of_us(wanted_us)
    if wanted_us <= opens_us or of_bars < 0:
        return -1
    ends = grid.ends_us(of_bars)
    return int(ends[max(0, int(ends.searchsorted(wanted_us, side="right")) - 1)])
