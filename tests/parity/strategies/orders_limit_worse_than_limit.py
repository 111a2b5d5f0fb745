"""Limit orders under models that add a cost to the price: zipline may fill them worse
than the limit, or not at all.
"""

from zipline.api import order, set_slippage, symbols
from zipline.finance import slippage

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-04-28",
    "quirks": ["limit_may_be_passed", "round_history"],
}


def initialize(context):
    context.assets = symbols("VOLA", "ALFA", "DIVI")
    set_slippage(slippage.FixedBasisPointsSlippage(basis_points=30, volume_limit=0.1))


def handle_data(context, data):
    for asset in context.assets:
        price = data.current(asset, "price")
        order(asset, 40, limit_price=price * 0.995)
        order(asset, -40, limit_price=price * 1.005)
