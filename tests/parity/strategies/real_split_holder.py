"""Holds a company over its split and its dividends, with default costs, and adds a
little every week.
"""

from zipline.api import date_rules, order, order_value, record, schedule_function, symbols

CASE = {"data": "real_daily", "start": "2005-01-18", "end": "2005-06-30", "default_safe": True}


def initialize(context):
    context.apple, context.ibm = symbols("AAPL", "IBM")
    schedule_function(add, date_rules.week_end(1))
    context.first = True


def add(context, data):
    order_value(context.apple, 777.0)
    order(context.ibm, -3)


def handle_data(context, data):
    if context.first:
        order(context.apple, 333)
        order(context.ibm, 121)
        context.first = False
    record(price=data.current(context.apple, "price"), cash=context.portfolio.cash)
