"""Minute and daily history in minute mode over a split and dividends."""

from zipline.api import get_datetime, record, symbols

CASE = {
    "data": "edge_minute",
    "start": "2012-11-21",
    "end": "2012-11-28",
    "data_frequency": "minute",
    "quirks": ["round_history"],
}
LOG = []


def initialize(context):
    context.able, context.chef = symbols("ABLE", "CHEF")


def handle_data(context, data):
    now = get_datetime()
    record(chef=data.current(context.chef, "price"))
    if now.minute in (31, 36) and now.hour in (14, 17):
        for field in ("open", "close", "price", "volume"):
            LOG.append([now, data.history([context.able, context.chef], field, 8, "1m")])
            LOG.append([now, data.history([context.able, context.chef], field, 4, "1d")])
