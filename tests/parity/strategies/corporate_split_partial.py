"""A split in the middle of a big order that fills over days, with a commission that has
a minimum.
"""

from zipline.api import get_open_orders, order, record, set_commission, set_slippage, symbols
from zipline.finance import commission, slippage

CASE = {"data": "edge_daily", "start": "2017-02-21", "end": "2017-05-31", "default_safe": True}
LOG = []


def initialize(context):
    set_slippage(slippage.VolumeShareSlippage(volume_limit=0.0001, price_impact=0.1))
    set_commission(commission.PerShare(cost=0.03, min_trade_cost=2.0))
    context.asset = symbols("SPLT")[0]
    context.day = 0


def handle_data(context, data):
    if context.day in (3, 55):
        order(context.asset, 333)
        order(context.asset, -101)
    LOG.append(
        [[o.id, o.amount, o.filled, o.commission, o.dt] for o in get_open_orders(context.asset)]
    )
    record(
        amount=context.portfolio.positions[context.asset].amount,
        basis=context.portfolio.positions[context.asset].cost_basis,
    )
    context.day += 1
