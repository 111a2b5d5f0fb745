"""Schedules lambdas, bound methods and partial functions at odd times, half days left
out.
"""

from functools import partial

from zipline.api import (
    calendars,
    date_rules,
    get_datetime,
    get_open_orders,
    order_target,
    order_target_percent,
    record,
    schedule_function,
    symbols,
    time_rules,
)

CASE = {
    "data": "edge_minute",
    "start": "2012-11-19",
    "end": "2012-11-29",
    "data_frequency": "minute",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []


class Helper:
    def __init__(self):
        self.n = 0

    def tick(self, context, data):
        self.n += 1
        LOG.append(["method", get_datetime(), self.n])


def named(tag, context, data):
    LOG.append([tag, get_datetime(), data.current(context.a, "price")])


def initialize(context):
    context.a, context.b = symbols("ABLE", "BAKE")
    context.h = Helper()
    schedule_function(
        lambda c, d: LOG.append(["lam", get_datetime()]),
        date_rules.every_day(),
        time_rules.market_open(hours=1),
    )
    schedule_function(context.h.tick, date_rules.week_end(2), time_rules.market_close(minutes=30))
    schedule_function(
        partial(named, "p"), date_rules.month_end(2), time_rules.market_open(minutes=95)
    )
    schedule_function(
        partial(named, "half"),
        date_rules.every_day(),
        time_rules.market_close(hours=2, minutes=15),
        half_days=False,
    )
    schedule_function(partial(named, "em"), date_rules.week_start(1), time_rules.every_minute())
    schedule_function(partial(named, "only_date"), date_rules.week_start())
    schedule_function(
        partial(named, "late"), date_rules.every_day(), time_rules.market_open(hours=5)
    )
    schedule_function(
        partial(named, "cal"),
        date_rules.month_end(),
        time_rules.market_close(),
        calendar=calendars.US_EQUITIES,
    )
    schedule_function(trade, date_rules.every_day(), time_rules.market_open(minutes=3))
    schedule_function(flat, date_rules.every_day(), time_rules.market_close(minutes=3))


def trade(context, data):
    for s in (context.a, context.b):
        if data.can_trade(s):
            order_target_percent(s, 0.45)


def flat(context, data):
    for s in context.portfolio.positions:
        order_target(s, 0)
    LOG.append([get_datetime(), get_open_orders() == {}])


def handle_data(context, data):
    record(v=context.portfolio.portfolio_value)
