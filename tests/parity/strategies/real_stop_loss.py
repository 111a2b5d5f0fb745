"""Enters with a market order, protects with a stop, cancels it by hand when the exit
comes; a newly listed company too.
"""

from zipline.api import (
    cancel_order,
    get_open_orders,
    get_order,
    order,
    record,
    set_benchmark,
    symbols,
)

CASE = {"data": "real_daily", "start": "2012-05-01", "end": "2012-11-30", "default_safe": True}
LOG = []


def initialize(context):
    context.assets = symbols("FB", "AAPL")
    context.stops = {}


def handle_data(context, data):
    for asset in context.assets:
        if not data.can_trade(asset):
            continue
        held = context.portfolio.positions[asset].amount
        price = data.current(asset, "price")
        if held == 0 and not get_open_orders(asset):
            order(asset, 50)
        elif held > 0 and not get_open_orders(asset):
            context.stops[asset] = order(asset, -held, stop_price=price * 0.95)
        elif held > 0 and price > 1.08 * context.portfolio.positions[asset].cost_basis:
            cancel_order(context.stops[asset])
            order(asset, -held)
            LOG.append(
                [
                    asset,
                    get_order(context.stops[asset]).stop,
                    int(get_order(context.stops[asset]).status),
                ]
            )
    record(held=len(context.portfolio.positions))
