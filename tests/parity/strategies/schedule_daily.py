"""Date rules of every kind in daily mode; time rules are accepted and play no part;
half days can be left out.
"""

from zipline.api import calendars, date_rules, get_datetime, record, schedule_function, time_rules

CASE = {"data": "edge_daily", "start": "2017-06-12", "end": "2018-01-12", "default_safe": True}
LOG = []


def note(name):
    def scheduled(context, data):
        LOG.append([get_datetime(), name])
        context.calls = getattr(context, "calls", 0) + 1

    return scheduled


def initialize(context):
    schedule_function(
        note("every day"), date_rules.every_day(), time_rules.market_close(), half_days=False
    )
    for offset in (0, 1, 4):
        schedule_function(
            note(f"week start {offset}"), date_rules.week_start(offset), time_rules.market_open()
        )
        schedule_function(note(f"week end {offset}"), date_rules.week_end(days_offset=offset))
    for offset in (0, 3, 21, 22):
        schedule_function(note(f"month start {offset}"), date_rules.month_start(days_offset=offset))
        schedule_function(
            note(f"month end {offset}"),
            date_rules.month_end(offset),
            time_rules.market_close(minutes=30),
        )
    schedule_function(
        note("month start, no half days"),
        date_rules.month_start(),
        time_rules.market_open(),
        half_days=False,
    )
    schedule_function(note("week end, no half days"), date_rules.week_end(), half_days=False)
    schedule_function(note("default"))
    schedule_function(note("equities"), date_rules.week_start(2), calendar=calendars.US_EQUITIES)
    schedule_function(note("time rule"), time_rule=time_rules.market_open(hours=1))


def handle_data(context, data):
    LOG.append([get_datetime(), "handle_data"])
    record(calls=getattr(context, "calls", 0))
