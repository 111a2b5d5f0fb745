"""Splits and a reverse split on odd lots, part-filled and waiting orders with limits
and stops, long.
"""

from zipline.api import get_open_orders, get_order, order, record, set_slippage, symbols
from zipline.finance import slippage

CASE = {"data": "edge_daily", "start": "2017-02-21", "end": "2017-09-15", "default_safe": True}
LOG = []
EVES = ("2017-02-28", "2017-05-12", "2017-09-01")


def initialize(context):
    set_slippage(slippage.NoSlippage())
    context.asset = symbols("SPLT")[0]
    context.ids = []
    context.day = 0


def handle_data(context, data):
    asset, price = context.asset, data.current(context.asset, "price")
    if context.day == 0:
        order(asset, 101)
    if str(data.current_dt.date()) in EVES:
        context.ids += [
            order(asset, 33),
            order(asset, -7, limit_price=price * 3),
            order(asset, 3, limit_price=price * 0.333),
            order(asset, 2, stop_price=price * 2.777),
            order(asset, -9, stop_price=price * 0.1234),
            order(asset, 5, limit_price=price * 2.5, stop_price=price * 2.25),
            order(asset, 1, limit_price=price / 7),
        ]
    LOG.append(
        [
            [o.id, o.amount, o.filled, o.limit, o.stop, int(o.status), o.dt]
            for o in map(get_order, context.ids)
        ]
    )
    LOG.append([o.id for o in get_open_orders(asset)])
    position = context.portfolio.positions[asset]
    record(
        amount=position.amount,
        basis=position.cost_basis,
        last=position.last_sale_price,
        cash=context.portfolio.cash,
    )
    context.day += 1
