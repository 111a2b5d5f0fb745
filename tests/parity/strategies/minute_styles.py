"""Limit and stop orders in minute mode, over night and over a split, filled at the
close.
"""

from zipline.api import get_open_orders, get_order, order, set_commission, set_slippage, symbols
from zipline.finance import commission, slippage

CASE = {
    "data": "edge_minute",
    "start": "2012-11-20",
    "end": "2012-11-28",
    "data_frequency": "minute",
    "default_safe": True,
}
LOG = []


def initialize(context):
    set_slippage(slippage.NoSlippage())
    set_commission(commission.PerTrade(1.0))
    context.chef, context.bake = symbols("CHEF", "BAKE")
    context.bar = 0
    context.ids = []


def handle_data(context, data):
    context.bar += 1
    if context.bar % 130 == 5:
        for asset in (context.chef, context.bake):
            price = data.current(asset, "price")
            context.ids += [
                order(asset, 11, limit_price=price * 0.998),
                order(asset, -9, limit_price=price * 1.004),
                order(asset, 7, stop_price=price * 1.003),
                order(asset, -13, stop_price=price * 0.996),
                order(asset, 5, limit_price=price * 1.006, stop_price=price * 1.002),
                order(asset, -3, limit_price=price * 0.99, stop_price=price * 0.995),
            ]
    if context.bar % 195 == 0:
        LOG.append(
            [
                [o.id, o.amount, o.filled, o.limit, o.stop, int(o.status), o.dt]
                for o in map(get_order, context.ids)
            ]
        )
        LOG.append({asset: [o.id for o in orders] for asset, orders in get_open_orders().items()})
