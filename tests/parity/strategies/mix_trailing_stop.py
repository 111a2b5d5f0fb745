"""Replaces a protective stop every day: cancel, place, and now and then a fill in
between.
"""

from zipline.api import (
    cancel_order,
    get_open_orders,
    order,
    order_target_percent,
    record,
    set_slippage,
    symbols,
)
from zipline.finance import slippage

CASE = {"data": "edge_daily", "start": "2017-02-21", "end": "2017-10-13", "default_safe": True}


def initialize(context):
    set_slippage(slippage.NoSlippage())
    context.assets = symbols("VOLA", "SPLT", "DIVI")
    context.highest = {}


def handle_data(context, data):
    for asset in context.assets:
        price = data.current(asset, "price")
        held = context.portfolio.positions[asset].amount
        if held == 0:
            context.highest[asset] = price
            if not get_open_orders(asset):
                order_target_percent(asset, 0.3)
            continue
        context.highest[asset] = max(price, context.highest[asset])
        for waiting in get_open_orders(asset):
            cancel_order(waiting)
        order(asset, -held, stop_price=context.highest[asset] * 0.94)
    record(held=len(context.portfolio.positions), orders_open=len(get_open_orders()))
