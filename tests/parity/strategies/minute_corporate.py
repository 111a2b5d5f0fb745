"""A split, dividends, a late listing and a delisting in minute mode, with positions and
orders.
"""

from zipline.api import get_datetime, get_open_orders, order, record, set_slippage, symbols
from zipline.finance import slippage

CASE = {
    "data": "edge_minute",
    "start": "2012-11-19",
    "end": "2012-11-29",
    "data_frequency": "minute",
    "default_safe": True,
}
LOG = []


def initialize(context):
    set_slippage(slippage.NoSlippage())
    context.able, context.chef, context.dune = symbols("ABLE", "CHEF", "DUNE")
    context.bar = 0


def attempt(asset, amount, **settings):
    try:
        return order(asset, amount, **settings)
    except Exception as error:
        return type(error).__name__


def handle_data(context, data):
    context.bar += 1
    now = get_datetime()
    if context.bar == 1:
        order(context.able, -70)
        order(context.chef, 33)
        LOG.append(attempt(context.dune, 25))
    if (now.day, now.hour, now.minute) == (23, 17, 30):
        order(context.chef, 9, limit_price=20.0)
        order(context.chef, -5, stop_price=1.01)
        order(context.chef, 1, limit_price=10.0)
    if now.day in (27, 28) and now.minute == 0:
        LOG.append([now, attempt(context.dune, 5, limit_price=0.5), data.can_trade(context.dune)])
    if now.minute in (31, 0):
        LOG.append([now, context.portfolio.cash, context.portfolio.portfolio_value])
        LOG.append(
            {
                asset: [p.amount, p.cost_basis, p.last_sale_price, p.last_sale_date]
                for asset, p in context.portfolio.positions.items()
            }
        )
        LOG.append(
            [
                [o.id, o.amount, o.limit, o.stop]
                for orders in get_open_orders().values()
                for o in orders
            ]
        )
    record(cash=context.portfolio.cash)
