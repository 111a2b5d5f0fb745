"""Orders in minute mode under the default costs: part fills, orders over night, targets
once filled.
"""

from zipline.api import (
    get_datetime,
    get_open_orders,
    get_order,
    order,
    order_target_percent,
    record,
    symbols,
)

CASE = {
    "data": "edge_minute",
    "start": "2012-11-19",
    "end": "2012-11-29",
    "data_frequency": "minute",
    "default_safe": True,
}
LOG = []


def initialize(context):
    context.able, context.bake, context.chef, context.dune = symbols("ABLE", "BAKE", "CHEF", "DUNE")
    context.bar = 0
    context.ids = []


def handle_data(context, data):
    context.bar += 1
    if context.bar % 150 == 1:
        context.ids += [
            order(context.able, 1_500),
            order(context.bake, -160),
            order(context.dune, 30),
        ]
    if context.bar % 150 == 80:
        context.ids += [order(context.able, -900), order(context.bake, 220)]
    if context.bar % 390 == 200 and not get_open_orders(context.chef):
        order_target_percent(context.chef, 0.25)
    if context.bar % 40 == 0:
        LOG.append(
            [
                get_datetime(),
                context.portfolio.portfolio_value,
                context.portfolio.cash,
                context.account.leverage,
            ]
        )
        LOG.append(
            [
                [o.id, o.filled, int(o.status), o.commission, o.dt]
                for o in map(get_order, [i for i in context.ids if i][-5:])
            ]
        )
    record(open_orders=sum(len(orders) for orders in get_open_orders().values()))
