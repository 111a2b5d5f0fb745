"""Part-filled orders of every style, short, over three splits."""

from zipline.api import (
    get_open_orders,
    order,
    order_target_percent,
    set_commission,
    set_slippage,
    symbol,
)
from zipline.finance import commission, slippage

CASE = {
    "data": "edge_daily",
    "start": "2017-02-20",
    "end": "2017-10-10",
    "capital_base": 77777.77,
    "quirks": ["target_ignores_open_orders"],
}
LOG = []


def initialize(context):
    context.s = symbol("SPLT")
    context.i = 0
    set_commission(commission.PerShare(cost=0.013, min_trade_cost=2.22))
    set_slippage(slippage.VolumeShareSlippage(volume_limit=0.00005, price_impact=0.1))


def handle_data(context, data):
    i = context.i
    context.i += 1
    s = context.s
    p = data.current(s, "price")
    if i in (2, 50, 120):
        order(s, -101)
    if i in (4, 52):
        order(s, 77, limit_price=p * 0.97)
    if i in (5, 53, 125):
        order(s, -55, stop_price=p * 0.9)
    if i in (6, 54):
        order(s, 33, limit_price=p * 1.2, stop_price=p * 1.1)
    if i == 80:
        order_target_percent(s, 0.5)
    q = context.portfolio.positions[s]
    LOG.append(
        [
            q.amount,
            q.cost_basis,
            q.last_sale_price,
            q.last_sale_date,
            context.portfolio.cash,
            [(o.amount, o.filled, o.limit, o.stop, o.commission, o.dt) for o in get_open_orders(s)],
        ]
    )
