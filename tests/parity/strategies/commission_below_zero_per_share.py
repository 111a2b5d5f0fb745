"""Commission below zero, per share: its absolute value is charged."""

import warnings

from zipline.api import order, set_commission, symbols
from zipline.finance import commission

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-02-28", "default_safe": True}
LOG = []


def initialize(context):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        set_commission(commission.PerShare(cost=-0.02, min_trade_cost=1.0))
    context.thin, context.alfa = symbols("THIN", "ALFA")
    context.day = 0


def handle_data(context, data):
    if context.day % 8 == 0:
        order(context.thin, 130)
        order(context.alfa, -30)
    if context.day % 8 == 4:
        order(context.thin, -120)
        order(context.alfa, 30)
    LOG.append(
        [
            [asset, position.amount, position.cost_basis]
            for asset, position in context.portfolio.positions.items()
        ]
    )
    context.day += 1
