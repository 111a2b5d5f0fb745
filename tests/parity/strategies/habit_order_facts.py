"""Orders a batch from a Series, percents with styles, and reads every order's fields."""

from zipline.api import *
from zipline.finance.execution import LimitOrder, StopOrder, StopLimitOrder, MarketOrder
from collections import OrderedDict
import pandas as pd

CASE = {
    "data": "edge_daily",
    "start": "2017-02-01",
    "end": "2017-04-28",
    "quirks": ["limit_may_be_passed", "target_ignores_open_orders"],
}
LOG = []


def initialize(context):
    context.u = symbols("ALFA", "VOLA", "DIVI")
    context.ids = []
    context.n = 0


def handle_data(context, data):
    context.n += 1
    p = data.current(context.u, "price")
    if context.n % 6 == 0:
        shares = (
            context.portfolio.portfolio_value * pd.Series([0.1, 0.05, -0.05], index=context.u) / p
        ).astype(int)
        ids = batch_market_order(shares)
        LOG.append([type(ids).__name__, ids.tolist() if hasattr(ids, "tolist") else list(ids)])
        context.ids += list(ids)
    a, b, c = context.u
    if context.n % 4 == 1:
        context.ids.append(order_percent(a, 0.03, style=LimitOrder(p[a] * 0.995)))
        context.ids.append(order_target_value(b, 5000, style=StopOrder(p[b] * 1.02)))
        context.ids.append(
            order_target(
                c, -30, style=StopLimitOrder(limit_price=p[c] * 0.98, stop_price=p[c] * 0.99)
            )
        )
        context.ids.append(order_value(a, -2000, style=MarketOrder()))
        context.ids.append(order(b, 0))
    for i in context.ids[-8:]:
        o = get_order(i) if i else None
        if o is not None:
            LOG.append(
                [
                    o.id,
                    o.dt,
                    o.created,
                    o.amount,
                    o.filled,
                    o.limit,
                    o.stop,
                    o.limit_reached,
                    o.stop_reached,
                    o.commission,
                    int(o.status),
                    o.sid,
                    o.reason,
                ]
            )
