"""The end-of-day cancel policy in daily mode: zipline cancels only the oldest order,
and only one of several.
"""

from zipline.api import get_open_orders, order, set_cancel_policy, symbols
from zipline.finance.cancel_policy import EODCancel

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-03-15",
    "quirks": ["cancel_oldest_only"],
}
LOG = []


def initialize(context):
    set_cancel_policy(EODCancel(warn_on_cancel=False))
    context.thin, context.vola = symbols("THIN", "VOLA")
    context.day = 0


def handle_data(context, data):
    LOG.append({asset: [o.id for o in orders] for asset, orders in get_open_orders().items()})
    price = data.current(context.vola, "price")
    if context.day % 5 == 0:
        order(context.thin, 120)
        order(context.vola, 10, limit_price=price * 0.9)
        order(context.vola, 10, limit_price=price * 0.85)
        order(context.vola, 10, limit_price=price * 0.8)
    if context.day % 5 == 2:
        order(context.thin, 80)
    context.day += 1
