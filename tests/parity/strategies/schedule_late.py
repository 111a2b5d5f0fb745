"""Scheduling inside the run: zipline takes it, and a rule added in a bar is asked in
that very bar.
"""

from zipline.api import date_rules, get_datetime, schedule_function

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-01-31", "default_safe": True}
LOG = []


def added(context, data):
    LOG.append([get_datetime(), "added"])


def initialize(context):
    schedule_function(weekly, date_rules.week_start())


def weekly(context, data):
    LOG.append([get_datetime(), "weekly"])
    schedule_function(added, date_rules.every_day())


def handle_data(context, data):
    LOG.append([get_datetime(), "handle_data"])
