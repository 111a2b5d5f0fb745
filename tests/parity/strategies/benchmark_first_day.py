"""A benchmark asset that lists on the first session: its first return is from open to
close.
"""

from zipline.api import order, set_benchmark, symbols

CASE = {"data": "edge_daily", "start": "2017-04-03", "end": "2017-06-30", "default_safe": True}


def initialize(context):
    context.late, context.alfa = symbols("LATE", "ALFA")
    set_benchmark(context.late)


def handle_data(context, data):
    order(context.alfa, 20)
