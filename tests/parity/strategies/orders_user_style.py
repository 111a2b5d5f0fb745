"""Execution styles of the user's own, and stop-limit orders passed in every form."""

from zipline.api import (
    cancel_order,
    get_open_orders,
    order,
    order_percent,
    order_target_value,
    set_slippage,
    symbols,
)
from zipline.finance import slippage
from zipline.finance.execution import (
    ExecutionStyle,
    LimitOrder,
    StopLimitOrder,
    StopOrder,
)

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-06-30",
    "quirks": ["limit_may_be_passed", "target_ignores_open_orders"],
}
LOG = []


class Mine(ExecutionStyle):
    def __init__(self, p):
        self.p = p

    def get_limit_price(self, is_buy):
        return self.p * (0.99 if is_buy else 1.01)

    def get_stop_price(self, is_buy):
        return None


def initialize(context):
    context.a, context.b = symbols("ALFA", "VOLA")
    context.i = 0
    set_slippage(slippage.FixedSlippage(spread=0.2))


def handle_data(context, data):
    context.i += 1
    i = context.i
    p = data.current(context.a, "price")
    q = data.current(context.b, "price")
    if i % 3 == 0:
        LOG.append(order(context.a, 10, style=Mine(p)))
    if i % 3 == 1:
        order(context.b, -7, style=StopLimitOrder(limit_price=q * 0.95, stop_price=q * 0.98))
    if i % 4 == 1:
        order(context.b, 7, style=StopLimitOrder(q * 1.05, q * 1.02))
        order_target_value(context.a, 2000, style=LimitOrder(p * 1.0033))
        order_percent(context.b, 0.01, style=StopOrder(q * 1.01))
    if i % 7 == 0:
        for o in get_open_orders(context.b)[:2]:
            cancel_order(o.id)
    LOG.append(
        [
            [o.id, o.limit, o.stop, o.limit_reached, o.stop_reached, o.filled, o.dt]
            for v in get_open_orders().values()
            for o in v
        ]
    )
