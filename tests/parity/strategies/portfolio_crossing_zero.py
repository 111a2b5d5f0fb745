"""A position that grows, shrinks, crosses zero and comes back: cost basis after every
step.
"""

from zipline.api import order, record, set_commission, symbols
from zipline.finance import commission

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-03-31", "default_safe": True}
STEPS = [100, 50, -30, -200, -40, 60, 0, 100, -40, -20, 15, -15, 300, -300, 300, -600, 150, 151]


def initialize(context):
    set_commission(commission.PerShare(cost=0.02, min_trade_cost=0.0))
    context.asset = symbols("VOLA")[0]
    context.day = 0


def handle_data(context, data):
    order(context.asset, STEPS[context.day % len(STEPS)])
    position = context.portfolio.positions[context.asset]
    record(
        amount=position.amount,
        basis=position.cost_basis,
        last=position.last_sale_price,
        cash=context.portfolio.cash,
    )
    context.day += 1
