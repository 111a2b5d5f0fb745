"""The first window of a run is of minutes, in the session of a dividend; the next is of days."""

from zipline.api import get_datetime, symbols

CASE = {
    "data": "edge_minute",
    "start": "2012-11-23",
    "end": "2012-11-26",
    "data_frequency": "minute",
    "quirks": ["round_history"],
}
LOG = []


def initialize(context):
    context.bars = 0
    context.pair = symbols("ABLE", "CHEF")


def handle_data(context, data):
    context.bars += 1
    if context.bars == 17:
        LOG.append(data.history(context.pair, "close", 5, "1m"))
    if context.bars % 100 == 78:
        LOG.append([get_datetime(), data.history(context.pair, ["price", "open"], 7, "1d")])
        LOG.append(data.history(context.pair[0], "volume", 4, "1d"))
