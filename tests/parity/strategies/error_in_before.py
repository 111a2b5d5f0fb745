"""An order in before_trading_start that nobody catches ends the run before the bar."""

from zipline.api import order, symbol

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-02-28",
    "default_safe": True,
    "error": "OrderInBeforeTradingStart",
}


def initialize(context):
    context.asset = symbol("ALFA")
    context.day = 0


def before_trading_start(context, data):
    context.day += 1
    if context.day == 4:
        order(context.asset, 1)


def handle_data(context, data):
    pass
