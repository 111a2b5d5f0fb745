"""zipline's `zipline.utils.calendar_utils`: calendars of exchange_calendars, whose
minutes are named by their end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbtlive.data.calendars.exchange_library import evaluate

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

FIRST_SESSION = "1990-01-01"


def get_calendar(name: str) -> ExchangeCalendar:
    """Return the calendar with that name, from 1990 on; zipline's name for CMES,
    "us_futures", works too.
    """
    return evaluate(name, side="right", start=FIRST_SESSION)


__all__ = ["get_calendar"]
