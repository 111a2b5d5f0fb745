"""Opening range breakout in minutes: range of the first half hour, entry by stop, out
before the close.
"""

from zipline.api import (
    cancel_order,
    date_rules,
    get_datetime,
    get_open_orders,
    order,
    order_target,
    record,
    schedule_function,
    symbols,
    time_rules,
)

CASE = {
    "data": "edge_minute",
    "start": "2012-11-20",
    "end": "2012-11-29",
    "data_frequency": "minute",
    "default_safe": True,
}
LOG = []


def initialize(context):
    context.assets = symbols("BAKE", "DUNE")
    schedule_function(arm, date_rules.every_day(), time_rules.market_open(minutes=31))
    schedule_function(leave, date_rules.every_day(), time_rules.market_close(minutes=5))


def arm(context, data):
    for asset in context.assets:
        if not data.can_trade(asset):
            continue
        window = data.history(asset, ["high", "low"], 30, "1m")
        if window["high"].isnull().all():
            continue
        LOG.append([get_datetime(), asset, window["high"].max(), window["low"].min()])
        order(asset, 20, stop_price=window["high"].max())
        order(asset, -20, stop_price=window["low"].min())


def leave(context, data):
    for asset in context.assets:
        for waiting in get_open_orders(asset):
            cancel_order(waiting)
        order_target(asset, 0)
    record(value=context.portfolio.portfolio_value)


def handle_data(context, data):
    pass
