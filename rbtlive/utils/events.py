"""zipline's `zipline.utils.events`: rules of schedules."""

from rbtlive.core.rules.schedule import Always, calendars, date_rules, time_rules

__all__ = ["Always", "calendars", "date_rules", "time_rules"]
