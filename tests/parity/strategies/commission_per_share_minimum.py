"""Commission per share with a minimum, on orders that fill in one go, in parts, and
never.
"""

from zipline.api import get_order, order, set_commission, symbols
from zipline.finance import commission

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-04-28", "default_safe": True}
LOG = []


def initialize(context):
    set_commission(commission.PerShare(cost=0.05, min_trade_cost=3.0))
    context.thin, context.alfa, context.vola = symbols("THIN", "ALFA", "VOLA")
    context.ids = []
    context.day = 0


def handle_data(context, data):
    if context.day % 8 == 0:
        context.ids.append(order(context.thin, 130))
        context.ids.append(order(context.alfa, 30))
        context.ids.append(order(context.vola, -300))
    if context.day % 8 == 5:
        context.ids.append(order(context.thin, -90))
        context.ids.append(order(context.alfa, -80))
        context.ids.append(order(context.vola, 290))
    LOG.append([[o.id, o.filled, o.commission] for o in map(get_order, context.ids[-4:])])
    LOG.append(
        [
            [asset, position.amount, position.cost_basis]
            for asset, position in context.portfolio.positions.items()
        ]
    )
    context.day += 1
