"""An unknown symbol in initialize ends the run before its first bar."""

from zipline.api import symbol

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-02-28",
    "default_safe": True,
    "error": "SymbolNotFound",
}


def initialize(context):
    context.asset = symbol("NOBODY")


def handle_data(context, data):
    pass
