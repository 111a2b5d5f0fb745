"""Orders from scheduled functions: they follow handle_data, in the order they were
registered.
"""

from zipline.api import (
    date_rules,
    get_open_orders,
    order,
    order_target_percent,
    record,
    schedule_function,
    symbols,
    time_rules,
)

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-05-31", "default_safe": True}


def initialize(context):
    context.alfa, context.vola = symbols("ALFA", "VOLA")
    schedule_function(rebalance, date_rules.month_start(1), time_rules.market_open(minutes=30))
    schedule_function(trim, date_rules.week_end(), time_rules.market_close())
    schedule_function(count, date_rules.every_day())


def rebalance(context, data):
    order_target_percent(context.alfa, 0.6)
    order_target_percent(context.vola, 0.3)


def trim(context, data):
    if context.portfolio.positions[context.vola].amount > 0:
        order(context.vola, -10)


def count(context, data):
    record(open_orders=sum(len(orders) for orders in get_open_orders().values()))


def handle_data(context, data):
    record(open_before=sum(len(orders) for orders in get_open_orders().values()))
