"""Orders in before_trading_start are refused, whatever the function; the strategy goes
on.
"""

from zipline.api import (
    cancel_order,
    get_datetime,
    get_open_orders,
    order,
    order_percent,
    order_target,
    order_target_percent,
    order_target_value,
    order_value,
    symbol,
)

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-01-31", "default_safe": True}
LOG = []


def initialize(context):
    context.asset = symbol("ALFA")
    context.day = 0


def before_trading_start(context, data):
    asset = context.asset
    for call in (
        order,
        order_value,
        order_percent,
        order_target,
        order_target_value,
        order_target_percent,
    ):
        try:
            LOG.append(call(asset, 0.5))
        except Exception as error:
            LOG.append([get_datetime(), type(error).__name__])
    if context.day % 3 == 2:
        for o in get_open_orders(asset):
            cancel_order(o)


def handle_data(context, data):
    order(context.asset, 10, limit_price=1.0)
    LOG.append([o.id for o in get_open_orders(context.asset)])
    context.day += 1
