"""Limit orders under a model with price impact: a price worse than the limit is no fill
in that bar.
"""

from zipline.api import get_open_orders, order, record, set_slippage, symbols
from zipline.finance import slippage

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-04-28", "default_safe": True}


def initialize(context):
    context.assets = symbols("VOLA", "THIN")
    set_slippage(slippage.VolumeShareSlippage(volume_limit=0.2, price_impact=0.5))


def handle_data(context, data):
    for asset in context.assets:
        price = data.current(asset, "price")
        order(asset, 60, limit_price=price * 0.999)
        order(asset, -55, limit_price=price * 1.001)
    record(book=sum(len(orders) for orders in get_open_orders().values()))
