"""Commission models of the user's: a table by size, with a cap an order, and free of
charge below ten shares.
"""

from zipline.api import order, set_commission, symbols
from zipline.finance.commission import CommissionModel

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-03-31", "default_safe": True}
LOG = []


class Capped(CommissionModel):
    def calculate(self, order, transaction):
        LOG.append(
            [
                transaction.dt,
                order.id,
                order.filled,
                order.amount,
                order.commission,
                transaction.amount,
                transaction.price,
                transaction.asset,
                transaction.order_id,
            ]
        )
        if abs(transaction.amount) < 10:
            return 0.0
        wanted = abs(transaction.amount) * transaction.price * 0.003
        return max(0.0, min(wanted, 25.0 - order.commission))


def initialize(context):
    set_commission(us_equities=Capped())
    context.thin, context.alfa = symbols("THIN", "ALFA")
    context.day = 0


def handle_data(context, data):
    if context.day % 6 == 0:
        order(context.thin, 150)
        order(context.alfa, 70)
    if context.day % 6 == 3:
        order(context.thin, -110)
        order(context.alfa, -75)
    context.day += 1
