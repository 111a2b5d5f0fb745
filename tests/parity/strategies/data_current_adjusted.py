"""The forward-filled price over days of splits and dividends, with the position that it
values.
"""

from zipline.api import order, record, symbols

CASE = {"data": "edge_daily", "start": "2017-02-01", "end": "2017-06-15", "default_safe": True}
LOG = []


def initialize(context):
    context.assets = symbols("DIVI", "SPLT", "GAPS")
    context.day = 0


def handle_data(context, data):
    if context.day == 0:
        for asset in context.assets:
            order(asset, 101)
    LOG.append([data.current_dt, data.current(context.assets, ["price", "close", "volume"])])
    record(value=context.portfolio.positions_value)
    context.day += 1
