"""The number of rows per year in a run's books.

The rule: the calendar and interval decide: 252 sessions on an exchange, 260 if weekdays
trade, 365 if every day does; 52 weeks, 12 months.
"""

from __future__ import annotations

from rbtlive.core.state.settings import RunSettings
from rbtlive.model.interval import Interval

SESSIONS_A_YEAR = 252
_OTHERS = {"24/7": 365, "24/5": 260, "FX": 260}


def rows_a_year(settings: RunSettings) -> int:
    """Return the number of sessions, weeks or months per year of a run."""
    sessions = _OTHERS.get(settings.calendar, SESSIONS_A_YEAR)
    return Interval.parse(settings.frequency).rows_a_year(sessions)


def row_word(settings: RunSettings) -> str:
    """Return the unit of a row in a run's books: "session", "week" or "month"."""
    interval = Interval.parse(settings.frequency)
    return interval.unit if interval.spans_sessions else "session"


def spans_a_month(settings: RunSettings, rows: int) -> bool:
    """Say whether this many rows are a month or more: below that, an annualised rate
    means nothing.
    """
    return rows >= rows_a_year(settings) // 12


def half_a_year(settings: RunSettings) -> int:
    """Return the number of sessions, weeks or months in half a year of a run."""
    return rows_a_year(settings) // 2
