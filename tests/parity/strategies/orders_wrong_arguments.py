"""Orders that make no sense, and what zipline makes of them."""

from zipline.api import get_order, order, order_percent, order_target, order_value, symbol
from zipline.finance.execution import LimitOrder, StopOrder

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-01-10",
    "quirks": ["round_in_binary"],
}
LOG = []


def initialize(context):
    context.asset = symbol("ALFA")


def attempt(function, *arguments, **settings):
    try:
        placed = function(*arguments, **settings)
    except Exception as error:
        return type(error).__name__
    return None if placed is None else get_order(placed).amount


def handle_data(context, data):
    asset = context.asset
    if data.current_dt.day == 4:
        for wrong in (float("nan"), float("inf"), -1.0, "ten"):
            LOG.append(
                [
                    attempt(order, asset, 1, limit_price=wrong),
                    attempt(order, asset, 1, stop_price=wrong),
                ]
            )
            for style in (LimitOrder, StopOrder):
                try:
                    style(wrong)
                except Exception as error:
                    LOG.append(type(error).__name__)
        LOG.append(attempt(order, "ALFA", 1))
        LOG.append(attempt(order, 11, 1))
        for function in (order, order_value, order_percent, order_target):
            LOG.append(
                [
                    attempt(function, asset, amount)
                    for amount in (float("inf"), float("nan"), 10**12)
                ]
            )
