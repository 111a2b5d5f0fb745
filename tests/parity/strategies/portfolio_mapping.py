"""Uses the positions as a mapping in every way, over delistings, and tries to change
what is read-only.
"""

import pandas as pd
from zipline.api import order, order_target, symbols

CASE = {"data": "edge_daily", "start": "2017-01-27", "end": "2017-06-30", "default_safe": True}
LOG = []


def initialize(context):
    context.s = symbols("ALFA", "GONE", "QUIT", "DIVI", "VOLA")
    context.i = 0
    context.d = {}


def handle_data(context, data):
    i = context.i
    context.i += 1
    P = context.portfolio.positions
    if i == 0:
        for s in context.s:
            order(s, 20)

    LOG.append(
        [
            sorted(x.symbol for x in P),
            list(P.keys()),
            [p.amount for p in P.values()],
            bool(P),
            context.s[0] in P,
            P.get(context.s[0]) is None,
            P.get(context.s[0], None) is None,
        ]
    )
    df = (
        pd.DataFrame(
            [[a.symbol, p.amount, p.cost_basis, p.last_sale_price] for a, p in P.items()],
            columns=list("abcd"),
        )
        if P
        else None
    )
    LOG.append(df if df is None else df["b"].sum())
    LOG.append(
        sum(p.amount * p.last_sale_price for p in P.values()) - context.portfolio.positions_value
    )
    try:
        context.portfolio.cash = 5
    except Exception as e:
        LOG.append(type(e).__name__)
    try:
        P["ALFA"]
    except Exception as e:
        LOG.append(type(e).__name__)
    try:
        context.account.foo
    except Exception as e:
        LOG.append(type(e).__name__)
    try:
        context.nothing
    except Exception as e:
        LOG.append(type(e).__name__)
    try:
        P[context.s[0]].amount = 3
    except Exception as e:
        LOG.append(type(e).__name__)
    if i % 13 == 5:
        order_target(context.s[i % 5], -15)
    if i % 13 == 9:
        order(context.s[(i + 2) % 5], -P[context.s[(i + 2) % 5]].amount)
    LOG.append(
        [
            context.get_datetime() if hasattr(context, "get_datetime") else None,
            hasattr(context, "order"),
            hasattr(context, "portfolio"),
        ]
    )
