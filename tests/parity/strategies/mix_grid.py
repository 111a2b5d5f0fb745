"""Keeps a ladder of limit orders on both sides and moves it once a week."""

from zipline.api import (
    cancel_order,
    date_rules,
    get_open_orders,
    order,
    record,
    schedule_function,
    set_commission,
    set_slippage,
    symbol,
)
from zipline.finance import commission, slippage

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-07-14", "default_safe": True}


def initialize(context):
    set_slippage(slippage.NoSlippage())
    set_commission(commission.PerDollar(0.0005))
    context.asset = symbol("VOLA")
    schedule_function(move, date_rules.week_start(), half_days=False)


def move(context, data):
    for waiting in get_open_orders(context.asset):
        cancel_order(waiting.id)
    price = data.current(context.asset, "price")
    for step in range(1, 6):
        order(context.asset, 10 * step, limit_price=price * (1 - 0.02 * step))
        order(context.asset, -10 * step, limit_price=price * (1 + 0.02 * step))


def handle_data(context, data):
    record(
        waiting=len(get_open_orders(context.asset)),
        amount=context.portfolio.positions[context.asset].amount,
    )
