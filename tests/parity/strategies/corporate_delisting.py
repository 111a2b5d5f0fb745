"""Delistings: positions are closed and orders cancelled at the end of the auto-close
day; orders after the end are refused.
"""

from zipline.api import (
    get_open_orders,
    get_order,
    order,
    order_target,
    order_value,
    set_slippage,
    symbols,
)
from zipline.finance import slippage

CASE = {
    "data": "edge_daily",
    "start": "2017-04-03",
    "end": "2017-07-14",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []


def initialize(context):
    set_slippage(slippage.NoSlippage())
    context.gone, context.quit, context.late = symbols("GONE", "QUIT", "LATE")
    context.ids = []
    context.day = 0


def attempt(function, *arguments, **settings):
    try:
        return function(*arguments, **settings)
    except Exception as error:
        return type(error).__name__


def handle_data(context, data):
    gone, quit, late = context.gone, context.quit, context.late
    if context.day == 1:
        context.ids += [
            order(gone, 200),
            order(quit, -150),
            order(gone, 50, limit_price=1.0),
            order(quit, 30, limit_price=1.0),
        ]
    if context.day > 12:
        LOG.append(
            [
                data.current_dt,
                attempt(order, gone, 1),
                attempt(order, quit, -1),
                attempt(order_value, gone, 100.0),
                attempt(order_target, quit, 0),
            ]
        )
    LOG.append([[o.id, o.filled, int(o.status), o.dt] for o in map(get_order, context.ids)])
    LOG.append(
        {
            asset: [p.amount, p.cost_basis, p.last_sale_price, p.last_sale_date]
            for asset, p in context.portfolio.positions.items()
        }
    )
    LOG.append(
        [
            context.portfolio.cash,
            {asset: len(orders) for asset, orders in get_open_orders().items()},
        ]
    )
    context.day += 1
