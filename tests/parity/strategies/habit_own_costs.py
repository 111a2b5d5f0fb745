"""Own slippage and commission classes written as people subclass them."""

from zipline.api import *
from zipline.finance.slippage import (
    SlippageModel,
    EquitySlippageModel,
    LiquidityExceeded,
    VolumeShareSlippage,
)
from zipline.finance.commission import CommissionModel, EquityCommissionModel, PerShare

CASE = {
    "data": "edge_daily",
    "start": "2017-02-15",
    "end": "2017-06-30",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []


class SpreadSlippage(SlippageModel):
    def __init__(self, bps=7, share=0.04):
        super(SpreadSlippage, self).__init__()
        self.bps, self.share = bps, share

    def process_order(self, data, order):
        p, v = data.current(order.asset, "close"), data.current(order.asset, "volume")
        mx = self.share * v
        remaining = mx - self.volume_for_bar
        if remaining < 1:
            raise LiquidityExceeded()
        amt = min(remaining, abs(order.open_amount))
        hl = data.current(order.asset, "high") - data.current(order.asset, "low")
        return (p + order.direction * (p * self.bps / 1e4 + hl * 0.05), int(amt) * order.direction)


class Tiered(EquityCommissionModel):
    def __init__(self):
        self.seen = 0

    def calculate(self, order, transaction):
        self.seen += 1
        return (
            max(0.35, abs(transaction.amount) * (0.0035 if self.seen < 40 else 0.002))
            if order.commission == 0
            else abs(transaction.amount) * 0.001
        )

    def __repr__(self):
        return "Tiered"


def initialize(context):
    set_slippage(SpreadSlippage())
    set_commission(Tiered())
    context.u = symbols("GAPS", "QUIT", "SPLT", "THIN")
    context.k = 0


def handle_data(context, data):
    context.k += 1
    for i, a in enumerate(context.u):
        if (context.k + i) % 5 == 0:
            order_target_percent(a, 0.2 * ((context.k + i) % 3 - 1))
    record(comm=sum(get_order(o.id).commission for oo in get_open_orders().values() for o in oo))
