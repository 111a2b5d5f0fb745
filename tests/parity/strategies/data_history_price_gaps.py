"""History of 'price': leading gaps are filled from before the window, never before the
listing or after the end.
"""

from zipline.api import symbols

CASE = {"data": "edge_daily", "start": "2017-01-19", "end": "2017-05-05", "default_safe": True}
LOG = []


def initialize(context):
    context.assets = symbols("GAPS", "LATE", "QUIT")


def handle_data(context, data):
    for bars in (1, 2, 3, 6):
        LOG.append(data.history(context.assets, "price", bars, "1d"))
    LOG.append(data.history(context.assets, "close", 3, "1d"))
