"""A fixed spread, without a volume limit; commission per trade."""

from zipline.api import order, set_commission, set_slippage, symbols
from zipline.finance import commission, slippage

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-03-31", "default_safe": True}


def initialize(context):
    set_slippage(slippage.FixedSlippage(spread=0.3))
    set_commission(commission.PerTrade(cost=4.95))
    context.assets = symbols("THIN", "GAPS", "VOLA")
    context.day = 0


def handle_data(context, data):
    asset = context.assets[context.day % 3]
    order(asset, 2_000 if context.day % 5 < 3 else -2_700)
    context.day += 1
