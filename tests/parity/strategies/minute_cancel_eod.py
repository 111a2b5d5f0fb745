"""The end-of-day cancel policy in minute mode cancels everything that is open after the
last bar.
"""

from zipline.api import (
    get_datetime,
    get_open_orders,
    get_order,
    order,
    record,
    set_cancel_policy,
    symbols,
)
from zipline.finance.cancel_policy import EODCancel

CASE = {
    "data": "edge_minute",
    "start": "2012-11-19",
    "end": "2012-11-28",
    "data_frequency": "minute",
    "default_safe": True,
}
LOG = []


def initialize(context):
    set_cancel_policy(EODCancel())
    context.able, context.dune = symbols("ABLE", "DUNE")
    context.ids = []


def handle_data(context, data):
    now = get_datetime()
    if (now.hour, now.minute) in ((17, 50), (20, 58), (21, 0), (18, 0)):
        context.ids += [
            order(context.able, 4_000),
            order(context.dune, 50),
            order(context.able, -100),
        ]
    if now.minute == 31 and now.hour == 14:
        LOG.append(
            [
                now,
                [
                    [o.id, o.filled, int(o.status), o.dt]
                    for o in map(get_order, [i for i in context.ids if i])
                ],
            ]
        )
    record(open_orders=sum(len(orders) for orders in get_open_orders().values()))
