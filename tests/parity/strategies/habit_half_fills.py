"""A slippage model that fills half, skips large orders or gives up, and a commission in tiers."""

from zipline.api import *
from zipline.finance.slippage import SlippageModel, LiquidityExceeded
from zipline.finance.commission import EquityCommissionModel

CASE = {"data": "edge_daily", "start": "2017-02-01", "end": "2017-05-12", "default_safe": True}

LOG = []


class Half(SlippageModel):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def process_order(self, data, order):
        self.calls += 1
        px = data.current(order.asset, "open")
        if data.current(order.asset, "volume") < 100:
            raise LiquidityExceeded()
        if abs(order.open_amount) > 900:
            return None, None
        amount = int(order.open_amount / 2) or order.open_amount
        return round(px + 0.01 * order.direction, 2), amount


class Tiered(EquityCommissionModel):
    def calculate(self, order, transaction):
        LOG.append([order.commission, order.filled, transaction.amount, transaction.price])
        base = 1.0 if order.commission == 0 else 0.0
        return base + abs(transaction.amount) * (0.01 if abs(order.amount) < 300 else 0.005)


def initialize(context):
    set_slippage(us_equities=Half())
    set_commission(us_equities=Tiered())
    context.u = symbols("ALFA", "THIN", "GAPS")
    context.i = 0


def handle_data(context, data):
    context.i += 1
    if context.i % 5 == 1:
        for k, s in enumerate(context.u):
            order(s, (-1) ** context.i * 300 * (k + 1) + 50)
    record(open=sum(len(v) for v in get_open_orders().values()), cash=context.portfolio.cash)
