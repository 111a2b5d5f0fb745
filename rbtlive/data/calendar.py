"""Trading calendars, at the short path that feeds and scripts import them from."""

from rbtlive.data.calendars.calendar import TradingCalendar, get_calendar

__all__ = ["TradingCalendar", "get_calendar"]
