"""An exception in a scheduled function ends the run after handle_data of that bar."""

from zipline.api import date_rules, schedule_function

CASE = {
    "data": "edge_daily",
    "start": "2017-01-10",
    "end": "2017-02-28",
    "default_safe": True,
    "error": "KeyError",
}
LOG = []


def initialize(context):
    schedule_function(weekly, date_rules.week_start(1))


def weekly(context, data):
    LOG.append("weekly")
    raise KeyError("nothing here")


def handle_data(context, data):
    LOG.append(data.current_dt)
