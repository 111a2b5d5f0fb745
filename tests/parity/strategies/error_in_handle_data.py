"""An exception of the strategy's own ends the run at that bar."""

from zipline.api import order, symbol

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-02-28",
    "default_safe": True,
    "error": "ZeroDivisionError",
}
LOG = []


def initialize(context):
    context.asset = symbol("ALFA")
    context.left = 5


def handle_data(context, data):
    order(context.asset, 1)
    context.left -= 1
    LOG.append(1 / context.left)
