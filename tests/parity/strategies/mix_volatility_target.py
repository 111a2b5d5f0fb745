"""Sizes positions by twenty-day volatility, daily, with pandas arithmetic on histories."""

from zipline.api import order_target_percent, record, symbols

CASE = {"data": "edge_daily", "start": "2017-02-13", "end": "2017-06-30", "default_safe": True}


def initialize(context):
    context.alfa, context.vola = symbols("ALFA", "VOLA")
    context.day = 0


def handle_data(context, data):
    context.day += 1
    if context.day % 4:
        return
    returns = data.history([context.alfa, context.vola], "price", 21, "1d").pct_change().dropna()
    risk = returns.std() * 252**0.5
    weights = (0.15 / risk).clip(upper=1.0)
    for asset in (context.alfa, context.vola):
        order_target_percent(asset, float(weights[asset]))
    record(
        alfa=weights[context.alfa],
        vola=weights[context.vola],
        correlation=returns.corr().iloc[0, 1],
    )
