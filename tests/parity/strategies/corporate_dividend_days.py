"""Trades around ex and pay dates, to the day, long and short."""

from zipline.api import (
    get_datetime,
    order,
    order_target,
    order_target_percent,
    set_commission,
    set_slippage,
    symbols,
)
from zipline.finance import commission, slippage

CASE = {
    "data": "edge_daily",
    "start": "2017-01-27",
    "end": "2017-12-15",
    "capital_base": 10000,
    "quirks": ["lose_dividend_off_session"],
}
LOG = []


def initialize(context):
    context.a, context.b, context.c = symbols("DIVI", "DIVQ", "SPLT")
    context.i = 0
    set_slippage(slippage.NoSlippage())
    set_commission(commission.PerTrade(cost=1))


def handle_data(context, data):
    d = get_datetime().strftime("%m-%d")
    if d in ("02-06", "02-07"):
        order(context.a, 31)
    if d == "02-08":
        order_target(context.a, 0)
    if d == "02-10":
        order(context.b, 100)
    if d == "02-28":
        order(context.c, 17)
        order(context.a, -40)
    if d == "03-17":
        order(context.a, 80)
    if d == "03-20":
        order_target(context.a, 5)
    if d == "05-08":
        order(context.a, 7)
    if d == "07-03":
        order(context.a, -90)
    if d == "11-07":
        order_target_percent(context.a, 0.9)
    LOG.append(
        [
            d,
            context.portfolio.cash,
            context.portfolio.pnl,
            context.portfolio.capital_used,
            context.portfolio.portfolio_value,
            data.history([context.a, context.b, context.c], "price", 2, "1d").iloc[0],
        ]
    )
