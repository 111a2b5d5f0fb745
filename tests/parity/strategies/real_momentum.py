"""Each month the two companies with the best half year, at equal weight; real bars with
splits and dividends.
"""

from zipline.api import (
    date_rules,
    order_target_percent,
    record,
    schedule_function,
    symbols,
    time_rules,
)

CASE = {"data": "real_daily", "start": "2004-11-01", "end": "2005-10-31", "default_safe": True}


def initialize(context):
    context.assets = symbols("AAPL", "GOOG", "IBM", "MSFT")
    schedule_function(rebalance, date_rules.month_start(), time_rules.market_open())


def rebalance(context, data):
    tradable = [asset for asset in context.assets if data.can_trade(asset)]
    prices = data.history(tradable, "price", 40, "1d")
    gains = (prices.iloc[-1] / prices.iloc[0]).sort_values()
    best = list(gains.index[-2:])
    for asset in tradable:
        order_target_percent(asset, 0.5 if asset in best else 0)
    record(best=gains.iloc[-1])


def handle_data(context, data):
    record(leverage=context.account.leverage)
