"""A bracket of limit and stop around each entry over minutes, one cancelling the other."""

from zipline.api import *

CASE = {
    "data": "edge_minute",
    "start": "2012-11-19",
    "end": "2012-11-28",
    "data_frequency": "minute",
    "quirks": ["limit_may_be_passed"],
}

LOG = []


def initialize(context):
    context.a, context.b = symbols("ABLE", "CHEF")
    context.orders = {}
    set_cancel_policy(cancel_policy.NeverCancel())
    set_commission(commission.PerShare(0.005, 1.0))
    schedule_function(enter, date_rules.every_day(), time_rules.market_open(minutes=5))
    schedule_function(leave, date_rules.every_day(), time_rules.market_close(minutes=1))


def enter(context, data):
    for s in (context.a, context.b):
        px = data.current(s, "price")
        context.orders[s] = [
            order(s, 100),
            order(s, -100, limit_price=round(px * 1.004, 2)),
            order(s, -100, stop_price=round(px * 0.996, 2)),
        ]


def handle_data(context, data):
    for s, ids in list(context.orders.items()):
        bracket = [get_order(i) for i in ids if i]
        done = [o for o in bracket[1:] if o.status == 1]
        if done:
            for o in bracket[1:]:
                if o.status == 0:
                    cancel_order(o)
            LOG.append([s.symbol, done[0].limit is not None, get_datetime()])
            del context.orders[s]


def leave(context, data):
    for s in list(context.orders):
        for o in get_open_orders(s):
            cancel_order(o)
        order_target(s, 0)
    context.orders.clear()
    record(pv=context.portfolio.portfolio_value)
