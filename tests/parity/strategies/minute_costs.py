"""Volume share slippage and a minimum commission in minute mode."""

from zipline.api import order, record, set_commission, set_slippage, symbols
from zipline.finance import commission, slippage

CASE = {
    "data": "edge_minute",
    "start": "2012-11-19",
    "end": "2012-11-28",
    "data_frequency": "minute",
    "default_safe": True,
}


def initialize(context):
    set_slippage(slippage.VolumeShareSlippage(volume_limit=0.1, price_impact=0.3))
    set_commission(commission.PerShare(cost=0.004, min_trade_cost=1.5))
    context.assets = symbols("ABLE", "BAKE", "CHEF", "DUNE")
    context.bar = 0


def handle_data(context, data):
    context.bar += 1
    if context.bar % 45 == 0:
        asset = context.assets[context.bar // 45 % 4]
        order(asset, 700 if context.bar % 90 else -500)
    record(cash=context.portfolio.cash, fees=context.bar)
