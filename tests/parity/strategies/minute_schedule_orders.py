"""Trades at the open and before the close in minute mode, half day included; the
benchmark is one of the assets.
"""

from zipline.api import (
    date_rules,
    order_target,
    order_target_percent,
    record,
    schedule_function,
    set_benchmark,
    symbols,
    time_rules,
)

CASE = {
    "data": "edge_minute",
    "start": "2012-11-20",
    "end": "2012-11-29",
    "data_frequency": "minute",
    "quirks": ["target_ignores_open_orders"],
}


def initialize(context):
    context.able, context.bake = symbols("ABLE", "BAKE")
    set_benchmark(context.bake)
    schedule_function(enter, date_rules.every_day(), time_rules.market_open(minutes=20))
    schedule_function(leave, date_rules.every_day(), time_rules.market_close(minutes=25))


def enter(context, data):
    order_target_percent(context.able, 0.4)
    order_target_percent(context.bake, -0.05)


def leave(context, data):
    order_target(context.able, 0)
    order_target(context.bake, 0)


def handle_data(context, data):
    record(leverage=context.account.leverage)
