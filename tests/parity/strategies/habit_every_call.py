"""Calls each order function in turn, with every style, and with what none of them takes."""

from zipline.api import *
from zipline.finance.execution import *
import math

CASE = {
    "data": "edge_daily",
    "start": "2017-02-01",
    "end": "2017-04-12",
    "quirks": ["target_ignores_open_orders", "round_in_binary"],
}

LOG = []


def initialize(context):
    context.n = 0
    context.a, context.v, context.t, context.s = symbols("ALFA", "VOLA", "THIN", "SPLT")


def handle_data(context, data):
    context.n += 1
    a, v, t, s = context.a, context.v, context.t, context.s
    p = {x: data.current(x, "price") for x in (a, v, t, s)}
    calls = [
        lambda: order(a, 100, limit_price=p[a]),
        lambda: order(a, -150, stop_price=p[a] * 0.99),
        lambda: order(v, 100, p[v] * 0.98, p[v] * 1.01),
        lambda: order_value(v, 7777.77, stop_price=p[v] * 1.03),
        lambda: order_target(a, 33.7),
        lambda: order_target_percent(t, 0.01, limit_price=p[t] * 1.02),
        lambda: order_target_value(s, -4321, style=MarketOrder()),
        lambda: order(t, 5000),
        lambda: order(a, 10, style=LimitOrder(p[a]), limit_price=3),
        lambda: order(a, 10, limit_price="x"),
        lambda: order(a, 10, limit_price=float("nan")),
        lambda: order(a, 10, limit_price=-1),
        lambda: order(a, 10, stop_price=0),
        lambda: order_percent(v, -0.05, style=StopLimitOrder(p[v] * 0.97, p[v] * 0.99)),
        lambda: order_target_percent(v, 0.0),
        lambda: order(a, 1e-5),
        lambda: order(a, 0.99999),
        lambda: order(a, -0.5),
        lambda: order(a, math.nan),
        lambda: order("ALFA", 10),
        lambda: order(None, 10),
        lambda: order_target(a, None),
        lambda: order_value(a, "5"),
    ]
    n = context.n % len(calls)
    try:
        LOG.append([n, calls[n]()])
    except Exception as e:
        LOG.append([n, type(e).__name__])
    for sec, oo in get_open_orders().items():
        for o in oo:
            if context.n % 11 == 0:
                cancel_order(o.id)
            LOG.append([sec.symbol, o.amount, o.filled, o.limit, o.stop, o.limit_reached])
