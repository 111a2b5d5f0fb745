"""Limit and stop prices are rounded to the cent in the customer's favour."""

from zipline.api import get_order, order, symbol
from zipline.finance.execution import LimitOrder, StopLimitOrder

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-01-10", "default_safe": True}
LOG = []
PRICES = [
    25.0,
    25.0094,
    25.0095,
    25.0096,
    25.0004,
    25.0005,
    25.0006,
    25.0105,
    25.0106,
    25.009999,
    0.004,
    0.0096,
    1e-6,
    1234.5678,
]


def initialize(context):
    context.asset = symbol("ALFA")


def attempt(*arguments, **settings):
    try:
        placed = order(*arguments, **settings)
    except Exception as error:
        return type(error).__name__
    if placed is None:
        return None
    return [get_order(placed).limit, get_order(placed).stop]


def handle_data(context, data):
    asset = context.asset
    if data.current_dt.day == 3:
        for price in PRICES:
            far = price / 1_000
            LOG.append(
                [
                    price,
                    attempt(asset, 1, limit_price=far),
                    attempt(asset, -1, limit_price=price * 1_000),
                ]
            )
            LOG.append(
                [
                    price,
                    attempt(asset, 1, stop_price=price * 1_000),
                    attempt(asset, -1, stop_price=far),
                ]
            )
            LOG.append(
                [
                    attempt(asset, 1, style=StopLimitOrder(price, price + 1_000)),
                    attempt(asset, -1, style=StopLimitOrder(price + 1_000, far)),
                ]
            )
    if data.current_dt.day == 4:
        LOG.append(attempt(asset, 1, limit_price=10.0, style=LimitOrder(10.0)))
        LOG.append(attempt(asset, 1, stop_price=10.0, style=LimitOrder(10.0)))
