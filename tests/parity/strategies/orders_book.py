"""Looks at the book from every side: open orders, snapshots that do not change, cancels
of every kind.
"""

from zipline.api import cancel_order, get_open_orders, get_order, order, set_slippage, symbols
from zipline.finance import slippage

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-03-15", "default_safe": True}
LOG = []


def initialize(context):
    set_slippage(slippage.NoSlippage())
    context.first, context.second, context.third = symbols("VOLA", "ALFA", "GAPS")
    context.snapshots = {}
    context.day = 0


def facts(o):
    return [
        o.id,
        o.amount,
        o.filled,
        o.limit,
        o.stop,
        int(o.status),
        o.commission,
        o.dt,
        o.created,
        o.sid,
    ]


def book():
    return {asset: [o.id for o in orders] for asset, orders in get_open_orders().items()}


def handle_data(context, data):
    first, second, third = context.first, context.second, context.third
    price = data.current(first, "price")
    day = context.day
    context.day += 1
    low = order(first, 10, limit_price=price * 0.9)
    high = order(first, -10, limit_price=price * 1.1)
    stop = order(second, -5, stop_price=data.current(second, "price") * 0.99)
    order(third, 4)
    LOG.append([day, book(), [o.id for o in get_open_orders(second)]])
    context.snapshots[day] = get_order(low)
    if day % 4 == 0:
        cancel_order(low)  # by id, in the bar it was placed
        LOG.append(facts(get_order(low)))
    if day % 4 == 1:
        cancel_order(get_order(high))  # by object
        cancel_order(high)  # once more: no effect
    if day % 4 == 2:
        for o in get_open_orders(first):  # while iterating
            cancel_order(o)
        LOG.append(get_open_orders(first))
    if day % 4 == 3:
        cancel_order("no such order")
        LOG.append(get_order("no such order"))
        LOG.append([get_order(o.id).filled for o in context.snapshots.values()])
    if day >= 8:
        old = context.snapshots[day - 8]
        LOG.append([facts(old), facts(get_order(old.id)), old == get_order(old.id)])
    LOG.append(facts(get_order(stop)))
    LOG.append(sorted(get_order(stop).keys()) if day == 0 else None)
