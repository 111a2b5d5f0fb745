"""Splits on a short position, a position that a reverse split rounds away, and orders
that it empties.
"""

from zipline.api import get_open_orders, order, order_target, record, symbols

CASE = {"data": "edge_daily", "start": "2017-02-21", "end": "2017-09-15", "default_safe": True}
LOG = []


def initialize(context):
    context.asset = symbols("SPLT")[0]


def handle_data(context, data):
    day = str(data.current_dt.date())
    asset = context.asset
    if day == "2017-02-21":
        order(asset, -77)
    if day == "2017-08-15":
        order_target(asset, -3)
    if day == "2017-09-01":
        LOG.append(
            [order(asset, -3), order(asset, 3, limit_price=1.0), order(asset, 9, limit_price=1.0)]
        )
    if day == "2017-09-07":
        order(asset, 10)
    LOG.append([[o.id, o.amount, o.filled, int(o.status)] for o in get_open_orders(asset)])
    LOG.append([p.amount for p in context.portfolio.positions.values()])
    record(cash=context.portfolio.cash, value=context.portfolio.portfolio_value)
