"""Minute history in all shapes, over gaps and over the night."""

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
    if context.bar % 61 and get_datetime().minute not in (31, 32):
        return
    for field in ("open", "high", "low", "close", "price", "volume"):
        LOG.append([get_datetime(), data.history(context.bake, field, 4, "1m")])
    LOG.append(data.history([context.bake, context.dune], "price", 6, "1m"))
    if context.bar % 5 == 0:
        LOG.append(data.history(context.bake, ["close", "volume"], 3, "1m"))
        LOG.append(data.history([context.bake, context.dune], ["price", "low"], 3, "1m"))
        window = data.history(context.bake, "price", 390, "1m")
        LOG.append([window.mean(), int(window.isnull().sum()), window.index[0]])
