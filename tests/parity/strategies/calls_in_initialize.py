"""Calls that zipline does not mean for initialize, and what each does there."""

from zipline.api import (
    batch_market_order,
    cancel_order,
    get_datetime,
    get_environment,
    get_open_orders,
    get_order,
    order,
    order_percent,
    order_target,
    order_target_percent,
    order_target_value,
    order_value,
    record,
    symbol,
)

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-01-13",
    "quirks": ["loose_initialize_errors"],
}
LOG = []


def initialize(context):
    asset = symbol("ALFA")
    calls = [
        lambda: order(asset, 1),
        lambda: order_value(asset, 100.0),
        lambda: order_percent(asset, 0.1),
        lambda: order_target(asset, 1),
        lambda: order_target_value(asset, 100.0),
        lambda: order_target_percent(asset, 0.1),
        lambda: get_datetime(),
        lambda: get_open_orders(),
        lambda: get_order("1"),
        lambda: cancel_order("1"),
        lambda: get_environment("platform"),
        lambda: context.portfolio.cash,
        lambda: context.account.leverage,
        lambda: record(early=3),
    ]
    for call in calls:
        try:
            LOG.append(call())
        except Exception as error:
            LOG.append(type(error).__name__)


def handle_data(context, data):
    pass
