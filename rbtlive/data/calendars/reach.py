"""How far a calendar must reach for given data.

The rule: it reaches to the data's end, up to a sensible limit; later checks report rows
beyond it.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from rbtlive.data.calendars.calendar import TradingCalendar, datetime_of, get_calendar
from rbtlive.data.calendars.grid import calendar_of
from rbtlive.errors import OutsideCalendar
from rbtlive.model.interval import Interval

_LAST: Final = date(2100, 12, 31)
"""A later date in data is a typing error, not a reason to compute a calendar that
far.
"""


def calendar_through(name: str, last: date, interval: Interval) -> TradingCalendar:
    """Return the calendar for bars of an interval, reaching to the session of a date if
    possible.
    """
    if interval.spans_sessions:  # the week or month must be complete
        last = min(_LAST, last) + timedelta(days=40)
    try:
        return calendar_of(get_calendar(name, through=min(_LAST, last)), interval)
    except OutsideCalendar:
        return calendar_of(get_calendar(name), interval)


def calendar_to_us(name: str, us: int) -> TradingCalendar:
    """Return a calendar that reaches to a moment, µs UTC, if possible."""
    try:
        return get_calendar(name, through=datetime_of(us).date())
    except OutsideCalendar:
        return get_calendar(name)
