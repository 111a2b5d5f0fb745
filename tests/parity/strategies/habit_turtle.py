"""Breakouts of twenty days sized by the average true range, with stops two ranges away."""

from zipline.api import *
import numpy as np

CASE = {"data": "edge_daily", "start": "2017-03-01", "end": "2018-03-30", "default_safe": True}

LOG = []


def initialize(context):
    context.u = symbols("ALFA", "VOLA", "DIVI", "DIVQ")
    context.entries = {}
    set_slippage(slippage.VolumeShareSlippage(volume_limit=0.025, price_impact=0.1))
    schedule_function(run, date_rules.every_day(), time_rules.market_open(minutes=1))


def atr(h, n=20):
    hi, lo, c = h["high"].unstack(), h["low"].unstack(), h["close"].unstack()
    tr = np.maximum(hi - lo, np.maximum((hi - c.shift()).abs(), (lo - c.shift()).abs()))
    return tr.rolling(n).mean().iloc[-1]


def run(context, data):
    h = data.history(context.u, ["high", "low", "close"], 36, "1d")
    N = atr(h)
    hi = h["high"].unstack().iloc[:-1].rolling(20).max().iloc[-1]
    lo = h["low"].unstack().iloc[:-1].rolling(10).min().iloc[-1]
    for s in context.u:
        px = data.current(s, "price")
        if px > hi[s] and s not in context.entries and not get_open_orders(s):
            units = int(0.01 * context.portfolio.portfolio_value / N[s])
            order(s, units, stop_price=round(hi[s], 2))
            context.entries[s] = px
            order(s, -units, stop_price=round(px - 2 * N[s], 2))
        elif px < lo[s] and s in context.entries:
            for o in get_open_orders(s):
                cancel_order(o)
            order_target(s, 0)
            del context.entries[s]
    LOG.append(sorted(s.symbol for s in context.entries))
    record(units=len(context.entries), val=context.portfolio.positions_value)
