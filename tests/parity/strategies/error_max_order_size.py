"""A control that fails ends the run when the strategy does not catch it."""

from zipline.api import order, set_max_order_size, symbol

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-02-28",
    "default_safe": True,
    "error": "TradingControlViolation",
}


def initialize(context):
    context.asset = symbol("ALFA")
    set_max_order_size(max_shares=40)
    context.day = 0


def handle_data(context, data):
    context.day += 7
    order(context.asset, context.day)
