"""Works a large order in slices over the day, watching the volume, under volume share
slippage.
"""

from zipline.api import (
    get_datetime,
    get_open_orders,
    order,
    record,
    set_commission,
    set_slippage,
    symbols,
)
from zipline.finance import commission, slippage

CASE = {
    "data": "edge_minute",
    "start": "2012-11-19",
    "end": "2012-11-27",
    "data_frequency": "minute",
    "default_safe": True,
}


def initialize(context):
    set_slippage(slippage.VolumeShareSlippage(volume_limit=0.03, price_impact=0.1))
    set_commission(commission.PerShare(cost=0.005, min_trade_cost=0.35))
    context.able, context.bake = symbols("ABLE", "BAKE")
    context.goal = {context.able: 9_000, context.bake: -600}


def handle_data(context, data):
    if get_datetime().minute % 10 != 5:
        return
    for asset, goal in context.goal.items():
        waiting = sum(o.amount - o.filled for o in get_open_orders(asset))
        missing = goal - context.portfolio.positions[asset].amount - waiting
        slice_size = int(data.history(asset, "volume", 5, "1m").mean() * 0.2)
        if missing and slice_size:
            order(asset, max(-slice_size, min(slice_size, missing)))
    record(
        able=context.portfolio.positions[context.able].amount,
        bake=context.portfolio.positions[context.bake].amount,
        basis=context.portfolio.positions[context.able].cost_basis,
    )
