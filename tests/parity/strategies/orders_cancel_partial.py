"""Cancels orders that are partly filled, and orders whose asset has silent days."""

from zipline.api import cancel_order, get_open_orders, get_order, order, record, symbols

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-04-13", "default_safe": True}
LOG = []


def initialize(context):
    context.thin, context.gaps = symbols("THIN", "GAPS")
    context.day = 0


def handle_data(context, data):
    if context.day % 6 == 0:
        context.big = order(context.thin, 150)
        context.sell = order(context.thin, -40)
        context.other = order(context.gaps, 20_000)
    if context.day % 6 == 4:
        cancel_order(context.big)
        cancel_order(context.other)
    LOG.append(
        [
            [o.id, o.filled, int(o.status), o.commission, o.dt]
            for o in map(get_order, (context.big, context.sell, context.other))
        ]
    )
    record(open_orders=sum(len(orders) for orders in get_open_orders().values()))
    context.day += 1
