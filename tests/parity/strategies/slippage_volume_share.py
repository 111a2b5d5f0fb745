"""Volume share slippage with its defaults and a commission with a minimum, on orders
that fill in parts.
"""

from zipline.api import order, set_commission, set_slippage, symbols
from zipline.finance import commission, slippage

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-04-28", "default_safe": True}


def initialize(context):
    set_slippage(slippage.VolumeShareSlippage())
    set_commission(commission.PerShare(cost=0.0075, min_trade_cost=1.0))
    context.assets = symbols("THIN", "GAPS", "ALFA", "LATE")
    context.day = 0


def handle_data(context, data):
    for number, asset in enumerate(context.assets):
        if context.day % 7 == number:
            order(asset, (50, 9_000, 30_000, 4_000)[number])
        if context.day % 7 == number + 3:
            order(asset, (-37, -7_000, -30_000, -1_500)[number])
    context.day += 1
