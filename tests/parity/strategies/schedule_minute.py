"""Time rules of every kind in minute mode, over a half day."""

from datetime import timedelta

from zipline.api import calendars, date_rules, get_datetime, schedule_function, time_rules

CASE = {
    "data": "edge_minute",
    "start": "2012-11-19",
    "end": "2012-11-29",
    "data_frequency": "minute",
    "default_safe": True,
}
LOG = []


def note(name):
    def scheduled(context, data):
        LOG.append([get_datetime(), name])

    return scheduled


def initialize(context):
    every = date_rules.every_day
    schedule_function(note("open"), every(), time_rules.market_open())
    schedule_function(note("open 1"), every(), time_rules.market_open(minutes=1))
    schedule_function(note("open 30"), every(), time_rules.market_open(minutes=30))
    schedule_function(note("open 2h5"), every(), time_rules.market_open(hours=2, minutes=5))
    schedule_function(note("open 5h"), every(), time_rules.market_open(hours=5))
    schedule_function(note("close"), every(), time_rules.market_close())
    schedule_function(note("close 1"), every(), time_rules.market_close(minutes=1))
    schedule_function(note("close 30"), every(), time_rules.market_close(minutes=30))
    schedule_function(note("close 4h"), every(), time_rules.market_close(hours=4))
    schedule_function(
        note("close offset"), every(), time_rules.market_close(offset=timedelta(minutes=7))
    )
    schedule_function(note("no half days"), every(), time_rules.market_close(), half_days=False)
    schedule_function(
        note("week start"), date_rules.week_start(), time_rules.market_open(minutes=10)
    )
    schedule_function(
        note("week end"),
        date_rules.week_end(),
        time_rules.market_close(minutes=10),
        half_days=False,
    )
    schedule_function(
        note("week end 1"),
        date_rules.week_end(1),
        time_rules.market_open(),
        calendar=calendars.US_EQUITIES,
    )
    schedule_function(note("month end"), date_rules.month_end(), time_rules.market_close())
    schedule_function(note("month end 1"), date_rules.month_end(1))
    schedule_function(note("no rules"))


def before_trading_start(context, data):
    LOG.append([get_datetime(), "before"])
