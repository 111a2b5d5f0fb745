"""before_trading_start in daily mode with the context only: when it comes, and what it
may not do.
"""

from zipline.api import (
    date_rules,
    get_datetime,
    get_open_orders,
    order,
    record,
    schedule_function,
    symbol,
)

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-02-28", "default_safe": True}
LOG = []


def initialize(context):
    context.asset = symbol("ALFA")
    context.mornings = 0
    schedule_function(weekly, date_rules.week_start())


def before_trading_start(context, data):
    context.mornings += 1
    LOG.append(
        [
            get_datetime(),
            {asset: [o.id for o in orders] for asset, orders in get_open_orders().items()},
        ]
    )
    record(morning=context.mornings)


def weekly(context, data):
    order(context.asset, context.mornings)


def handle_data(context, data):
    LOG.append([get_datetime(), context.mornings])
