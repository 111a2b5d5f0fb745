"""Big orders in a thin asset under the default model: fills over many days, buys and
sells share a bar's volume.
"""

from zipline.api import get_open_orders, order, record, symbols

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-05-12", "default_safe": True}
LOG = []


def initialize(context):
    context.thin, context.gaps = symbols("THIN", "GAPS")
    context.day = 0


def handle_data(context, data):
    if context.day % 9 == 0:
        order(context.thin, 180)
        order(context.thin, -35)
        order(context.thin, 60)
        order(context.gaps, 31_000)
    if context.day % 9 == 4:
        order(context.thin, -400)
        order(context.gaps, -36_000)
    LOG.append([[o.id, o.filled, o.commission] for o in get_open_orders(context.thin)])
    position = context.portfolio.positions[context.thin]
    record(amount=position.amount, basis=position.cost_basis, cash=context.portfolio.cash)
    context.day += 1
