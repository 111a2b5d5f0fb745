"""Places limit, stop and stop-limit orders by keyword and by style object; every fill
is at the close.
"""

from zipline.api import get_order, order, order_value, set_commission, set_slippage, symbol
from zipline.finance import commission, slippage
from zipline.finance.execution import LimitOrder, MarketOrder, StopLimitOrder, StopOrder

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-05-31", "default_safe": True}
LOG = []


def initialize(context):
    set_slippage(slippage.NoSlippage())
    set_commission(commission.NoCommission())
    context.asset = symbol("VOLA")
    context.ids = []
    context.day = 0


def handle_data(context, data):
    price = data.current(context.asset, "price")
    asset, day = context.asset, context.day
    choices = [
        lambda: order(asset, 10, limit_price=price * 0.97),
        lambda: order(asset, -10, limit_price=price * 1.03),
        lambda: order(asset, 20, stop_price=price * 1.02),
        lambda: order(asset, -20, stop_price=price * 0.98),
        lambda: order(asset, 30, limit_price=price * 1.05, stop_price=price * 1.01),
        lambda: order(asset, -30, limit_price=price * 0.95, stop_price=price * 0.99),
        lambda: order(asset, 5, style=LimitOrder(price * 0.99)),
        lambda: order(asset, -5, style=StopOrder(price * 0.97)),
        lambda: order(asset, 7, style=StopLimitOrder(price * 1.01, price * 1.04)),
        lambda: order(asset, -7, style=StopLimitOrder(price * 0.99, price * 0.96)),
        lambda: order(asset, 3, style=MarketOrder()),
        lambda: order_value(asset, 900.0, limit_price=price),
        lambda: order(asset, 1, limit_price=0),
        lambda: order(asset, -1, limit_price=0),
        lambda: order(asset, 1, stop_price=0.0),
    ]
    if day < 60:
        context.ids.append(choices[day % len(choices)]())
    context.day += 1
    if day % 5 == 0:
        LOG.append(
            [
                [
                    o.id,
                    o.amount,
                    o.filled,
                    o.limit,
                    o.stop,
                    o.limit_reached,
                    o.stop_reached,
                    int(o.status),
                    o.created,
                    o.dt,
                ]
                for o in map(get_order, context.ids[-12:])
            ]
        )
    if day == 90:
        order(asset, -context.portfolio.positions[asset].amount)
