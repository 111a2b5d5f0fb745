"""A run from a Sunday to a Saturday uses the sessions in between."""

from zipline.api import order, symbol

CASE = {"data": "edge_daily", "start": "2017-01-08", "end": "2017-02-04", "default_safe": True}


def initialize(context):
    context.asset = symbol("VOLA")


def handle_data(context, data):
    order(context.asset, 1)
