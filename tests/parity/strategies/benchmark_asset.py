"""A benchmark asset that listed before the run: alpha, beta and the benchmark's own
figures.
"""

from zipline.api import order, order_target_percent, set_benchmark, symbols

CASE = {"data": "edge_daily", "start": "2017-01-17", "end": "2017-05-31", "default_safe": True}


def initialize(context):
    context.alfa, context.vola = symbols("ALFA", "VOLA")
    set_benchmark(context.alfa)
    context.day = 0


def handle_data(context, data):
    if context.day % 10 == 0:
        order_target_percent(context.vola, 0.5)
    context.day += 1
