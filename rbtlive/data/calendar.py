"""Trading calendars, importable from a short path for feeds and scripts."""

from rbtlive.data.calendars.calendar import TradingCalendar, get_calendar

__all__ = ["TradingCalendar", "get_calendar"]
