"""One session only: an order is placed and nothing can fill."""

from zipline.api import order, symbol

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-01-04", "default_safe": True}


def initialize(context):
    context.asset = symbol("ALFA")


def handle_data(context, data):
    order(context.asset, 100)
