"""Rules for when something runs or is allowed: schedules, controls, quirks."""
