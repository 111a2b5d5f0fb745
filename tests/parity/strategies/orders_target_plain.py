"""Targets set while nothing else of the asset is open: also right for who counts open
orders.
"""

from zipline.api import (
    get_open_orders,
    order_target,
    order_target_percent,
    order_target_value,
    record,
    set_slippage,
    symbols,
)
from zipline.finance import slippage

CASE = {"data": "edge_daily", "start": "2017-02-21", "end": "2017-07-14", "default_safe": True}


def initialize(context):
    set_slippage(slippage.FixedBasisPointsSlippage(basis_points=2, volume_limit=1.0))
    context.assets = symbols("ALFA", "GAPS", "GONE", "LATE", "QUIT", "SPLT", "VOLA")
    context.day = 0


def handle_data(context, data):
    for number, asset in enumerate(context.assets):
        if not data.can_trade(asset) or get_open_orders(asset) or (context.day + number) % 5:
            continue
        step = (context.day + 2 * number) % 4
        if step == 0:
            order_target(asset, 37 * number + 11)
        elif step == 1:
            order_target_value(asset, -2_500.5 * number)
        elif step == 2:
            order_target_percent(asset, 0.031 * number)
        else:
            order_target(asset, 0)
    context.day += 1
    record(leverage=context.account.leverage, count=len(context.portfolio.positions))
