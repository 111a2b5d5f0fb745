"""Places market orders for many assets at once, from a Series of whole shares, and
reads the weights that follow.
"""

from zipline.api import batch_market_order, set_commission, symbols
from zipline.finance import commission

CASE = {"data": "edge_daily", "start": "2017-03-01", "end": "2017-07-31", "default_safe": True}
LOG = []


def initialize(context):
    context.s = symbols("VOLA", "ALFA", "GAPS", "DIVI", "THIN")
    context.i = 0
    set_commission(commission.PerDollar(cost=0.0005))


def handle_data(context, data):
    context.i += 1
    if context.i % 10 == 0:
        r = data.history(context.s, "close", 10, "1d")
        r = r.iloc[-1] / r.iloc[0] - 1
        w = r.fillna(0).rank().sub(3)
        sh = (w * 1500 / data.current(context.s, "price")).fillna(0).astype(int)
        LOG.append(sh)
        ids = batch_market_order(sh)
        LOG.append([len(ids), type(ids).__name__])
    LOG.append([p.amount for p in context.portfolio.positions.values()])
    w = context.portfolio.current_portfolio_weights
    LOG.append(w)
    LOG.append(float(w.abs().sum()))
