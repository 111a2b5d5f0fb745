"""How many rows of a run's books make a year.

The rule: the calendar and the interval decide: 252 sessions on an exchange, 260 where
weekdays trade, 365 where every day does; 52 weeks, 12 months.
"""

from __future__ import annotations

from rbtlive.core.state.settings import RunSettings
from rbtlive.model.interval import Interval

SESSIONS_A_YEAR = 252
_OTHERS = {"24/7": 365, "24/5": 260, "FX": 260}


def rows_a_year(settings: RunSettings) -> int:
    """Return how many sessions, weeks or months of a run make a year."""
    sessions = _OTHERS.get(settings.calendar, SESSIONS_A_YEAR)
    return Interval.parse(settings.frequency).rows_a_year(sessions)


def row_word(settings: RunSettings) -> str:
    """Return what a row of a run's books stands for: "session", "week" or "month"."""
    interval = Interval.parse(settings.frequency)
    return interval.unit if interval.spans_sessions else "session"


def spans_a_month(settings: RunSettings, rows: int) -> bool:
    """Say whether so many rows are a month or more: below that, a rate that is
    compounded to a year says nothing.
    """
    return rows >= rows_a_year(settings) // 12


def half_a_year(settings: RunSettings) -> int:
    """Return how many sessions, weeks or months of a run are half a year."""
    return rows_a_year(settings) // 2
