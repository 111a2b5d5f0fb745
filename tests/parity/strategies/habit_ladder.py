"""A ladder of limit orders around the price, renewed as its rungs fill or grow old."""

from zipline.api import *

CASE = {"data": "edge_daily", "start": "2017-02-01", "end": "2017-06-30", "default_safe": True}

LOG = []


def initialize(context):
    context.a = symbol("VOLA")
    context.grid = {}
    set_slippage(slippage.FixedBasisPointsSlippage())
    set_commission(commission.PerShare(0))


def handle_data(context, data):
    px = data.current(context.a, "close")
    if not context.grid:
        for k in range(1, 5):
            for side in (-1, 1):
                at = round(px * (1 + 0.02 * k * side), 2)
                context.grid[k * side] = order(context.a, -50 * side, limit_price=at)
    for k, i in list(context.grid.items()):
        o = get_order(i)
        if o.status == 1:
            LOG.append([k, o.filled, o.dt])
            context.grid.pop(k)
            at = round(px * (1.02 if k < 0 else 0.98), 2)
            context.grid[100 - k] = order(context.a, -o.amount, limit_price=at)
        elif (get_datetime() - o.created).days > 20:
            cancel_order(o)
            context.grid.pop(k)
    record(n=len(context.grid), held=context.portfolio.positions[context.a].amount)
