"""Daily history in minute mode: whole sessions, then today so far."""

from zipline.api import get_datetime, symbols

CASE = {
    "data": "edge_minute",
    "start": "2012-11-20",
    "end": "2012-11-28",
    "data_frequency": "minute",
    "default_safe": True,
}
LOG = []


def initialize(context):
    context.bake, context.dune = symbols("BAKE", "DUNE")
    context.bar = 0


def handle_data(context, data):
    context.bar += 1
    if context.bar % 89 and get_datetime().minute != 31:
        return
    for field in ("open", "high", "low", "close", "price", "volume"):
        LOG.append([get_datetime(), data.history([context.bake, context.dune], field, 3, "1d")])
    LOG.append(data.history(context.bake, "close", 1, "1d"))
    LOG.append(data.history(context.bake, ["open", "close", "volume"], 2, "1d"))
    LOG.append(data.history(context.bake, "price", 25, "1d").mean())
