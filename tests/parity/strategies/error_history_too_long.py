"""A window that starts before the data, not caught, ends the run."""

from zipline.api import symbol

CASE = {
    "data": "edge_daily",
    "start": "2017-01-17",
    "end": "2017-02-28",
    "default_safe": True,
    "error": "HistoryWindowStartsBeforeData",
}


def initialize(context):
    context.asset = symbol("ALFA")
    context.bars = 5


def handle_data(context, data):
    context.bars += 3
    data.history(context.asset, "close", context.bars, "1d")
