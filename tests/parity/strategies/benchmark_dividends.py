"""A benchmark asset with splits and dividends: its returns are adjusted for both."""

from zipline.api import order_target_percent, set_benchmark, symbol

CASE = {
    "data": "edge_daily",
    "start": "2017-02-01",
    "end": "2017-09-29",
    "quirks": ["round_history"],
}


def initialize(context):
    context.asset = symbol("SPLT")
    set_benchmark(context.asset)


def handle_data(context, data):
    if context.portfolio.positions[context.asset].amount == 0:
        order_target_percent(context.asset, 0.9)
