"""How far a calendar must be known for the data at hand.

The rule: as far as the data goes, within reason; rows beyond are named when their turn
comes.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from rbtlive.data.calendars.calendar import TradingCalendar, get_calendar
from rbtlive.data.calendars.grid import calendar_of
from rbtlive.errors import OutsideCalendar
from rbtlive.model.interval import Interval

_LAST: Final = date(2100, 12, 31)
"""A later date in data is a slip of the pen, not a reason to compute a calendar that
far."""


def calendar_through(name: str, last: date, interval: Interval) -> TradingCalendar:
    """Return the calendar that bars of an interval live by, which knows the session of
    a date if it can be known.
    """
    if interval.spans_sessions:  # the week or month must be whole
        last = min(_LAST, last) + timedelta(days=40)
    try:
        return calendar_of(get_calendar(name, through=min(_LAST, last)), interval)
    except OutsideCalendar:
        return calendar_of(get_calendar(name), interval)
