"""Trades the ratio of two companies long and short; history of closes only; commission
per share with a minimum.
"""

from zipline.api import order_target_percent, record, set_commission, set_slippage, symbols
from zipline.finance import commission, slippage

CASE = {
    "data": "real_daily",
    "start": "2007-01-03",
    "end": "2007-09-28",
    "quirks": ["round_history"],
}


def initialize(context):
    context.first, context.second = symbols("IBM", "MSFT")
    set_slippage(slippage.FixedSlippage(spread=0.02))
    set_commission(commission.PerShare(cost=0.005, min_trade_cost=1.0))
    context.state = 0


def handle_data(context, data):
    closes = data.history([context.first, context.second], "close", 20, "1d")
    ratio = closes[context.first] / closes[context.second]
    score = (ratio.iloc[-1] - ratio.mean()) / ratio.std()
    wanted = -1 if score > 1.2 else 1 if score < -1.2 else 0 if abs(score) < 0.3 else context.state
    if wanted != context.state:
        order_target_percent(context.first, 0.5 * wanted)
        order_target_percent(context.second, -0.5 * wanted)
        context.state = wanted
    record(score=score, state=context.state)
