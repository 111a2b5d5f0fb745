"""Ranks everything tradable each month, long the best, short the worst, out of what can
no longer be traded.
"""

from zipline.api import (
    date_rules,
    order_target_percent,
    record,
    schedule_function,
    set_commission,
    symbols,
    time_rules,
)
from zipline.finance import commission

CASE = {
    "data": "edge_daily",
    "start": "2017-02-13",
    "end": "2018-02-28",
    "capital_base": 250000.0,
    "quirks": ["round_history"],
}
LOG = []


def initialize(context):
    context.universe = symbols("ALFA", "DIVI", "GAPS", "GONE", "LATE", "QUIT", "SPLT", "VOLA")
    set_commission(commission.PerShare(cost=0.004, min_trade_cost=0.5))
    schedule_function(rebalance, date_rules.month_start(2), time_rules.market_open(hours=1))


def rebalance(context, data):
    tradable = [asset for asset in context.universe if data.can_trade(asset)]
    prices = data.history(tradable, "price", 20, "1d")
    strength = (prices.iloc[-1] / prices.mean()).dropna().sort_values()
    LOG.append(strength)
    for asset in strength.index[:2]:
        order_target_percent(asset, -0.2)
    for asset in strength.index[-3:]:
        order_target_percent(asset, 0.35)
    for asset in context.portfolio.positions:
        if (
            asset not in strength.index[:2]
            and asset not in strength.index[-3:]
            and data.can_trade(asset)
        ):
            order_target_percent(asset, 0)


def handle_data(context, data):
    record(
        leverage=context.account.leverage,
        net=context.account.net_leverage,
        count=len(context.portfolio.positions),
    )
