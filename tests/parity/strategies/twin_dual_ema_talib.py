"""Our own writing of the rules of zipline's example 'dual_ema_talib': in while the
short exponential mean is above the long.

Source: TA-Lib's EMA starts from the mean of its first window and weighs each later
value by 2 / (window + 1).
"""

from zipline.api import order, record, set_commission, set_slippage, symbol
from zipline.finance import commission, slippage

CASE = {
    "data": "real_daily",
    "start": "2009-06-01",
    "end": "2010-05-28",
    "capital_base": 1e7,
    "twin_of": "zipline.examples.dual_ema_talib",
    "default_safe": True,
}


def initialize(context):
    context.apple = symbol("AAPL")
    context.invested = False
    set_slippage(slippage.VolumeShareSlippage())
    set_commission(commission.PerShare(cost=0.0075, min_trade_cost=1.0))


def exponential_mean(values, window):
    mean = sum(values[:window]) / window
    for value in values[window:]:
        mean += (value - mean) * 2 / (window + 1)
    return mean


def handle_data(context, data):
    prices = data.history(context.apple, "price", 40, "1d").tolist()
    short, long = exponential_mean(prices, 20), exponential_mean(prices, 40)
    buy = short > long and not context.invested
    sell = short < long and context.invested
    if buy or sell:
        order(context.apple, 100 if buy else -100)
        context.invested = buy
    record(
        AAPL=data.current(context.apple, "price"),
        short_ema=short,
        long_ema=long,
        buy=buy,
        sell=sell,
    )
