"""Opening range breakout over minutes, flat before the close, with stops."""

import pandas as pd
from zipline.api import *

CASE = {
    "data": "edge_minute",
    "start": "2012-11-19",
    "end": "2012-11-23",
    "data_frequency": "minute",
    "default_safe": True,
}
LOG = []


def initialize(context):
    context.stocks = symbols("ABLE", "CHEF", "BAKE")
    context.hi, context.lo = {}, {}
    set_cancel_policy(cancel_policy.EODCancel())
    set_slippage(slippage.VolumeShareSlippage(volume_limit=0.1, price_impact=0.05))
    set_commission(commission.PerTrade(cost=1))
    schedule_function(set_range, date_rules.every_day(), time_rules.market_open(minutes=30))
    schedule_function(flat, date_rules.every_day(), time_rules.market_close(minutes=5))


def before_trading_start(context, data):
    context.hi.clear()
    context.lo.clear()
    context.traded = set()
    context.prev = data.history(context.stocks, "close", 2, "1d")


def set_range(context, data):
    h = data.history(context.stocks, ["high", "low"], 30, "1m")
    for s in context.stocks:
        context.hi[s] = h["high"].unstack()[s].max()
        context.lo[s] = h.xs(s, level=1)["low"].min()
    LOG.append([h.shape, list(h.columns), context.hi, context.lo])


def handle_data(context, data):
    now = get_datetime("US/Eastern")
    if not context.hi or now.time() > pd.Timestamp("15:30").time():
        return
    for s in context.stocks:
        if s in context.traded or not data.can_trade(s):
            continue
        px = data.current(s, "price")
        if px > context.hi[s]:
            order_percent(
                s, 0.2, style=LimitOrder(px * 1.001) if False else None
            ) if False else order_percent(s, 0.2, limit_price=round(px * 1.001, 2))
            order(s, -50, stop_price=context.lo[s])
            context.traded.add(s)
        elif px < context.lo[s]:
            order_value(s, -15000, limit_price=px * 0.999, stop_price=px)
            context.traded.add(s)


def flat(context, data):
    for s in context.stocks:
        for o in get_open_orders(s):
            cancel_order(o)
        if context.portfolio.positions[s].amount:
            order_target(s, 0)
    record(pnl=context.portfolio.pnl, pos=len(context.portfolio.positions))
