"""An order in initialize that nobody catches."""

from zipline.api import order, symbol

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-01-31",
    "error": "AssertionError",
    "quirks": ["loose_initialize_errors"],
}


def initialize(context):
    order(symbol("ALFA"), 1)
