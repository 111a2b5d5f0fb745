"""Our own writing of the rules of zipline's example 'dual_moving_average': in while the
short mean is above the long.
"""

from zipline.api import order_target, record, set_commission, set_slippage, symbol
from zipline.finance import commission, slippage

CASE = {
    "data": "real_daily",
    "start": "2007-04-02",
    "end": "2009-08-31",
    "capital_base": 1e7,
    "twin_of": "zipline.examples.dual_moving_average",
    "default_safe": True,
}


def initialize(context):
    context.apple = symbol("AAPL")
    context.bars = 0
    set_slippage(slippage.VolumeShareSlippage())
    set_commission(commission.PerShare(cost=0.0075, min_trade_cost=1.0))


def handle_data(context, data):
    context.bars += 1
    if context.bars < 300:
        return
    short = data.history(context.apple, "price", 100, "1d").mean()
    long = data.history(context.apple, "price", 300, "1d").mean()
    if short != long:
        order_target(context.apple, 100 if short > long else 0)
    record(AAPL=data.current(context.apple, "price"), short_mavg=short, long_mavg=long)
