"""Dividends on long, short, sold and just bought positions: earned on the ex date, paid
on the pay date.
"""

from zipline.api import order, order_target, record, symbols

CASE = {"data": "edge_daily", "start": "2017-02-01", "end": "2017-07-31", "default_safe": True}
LOG = []
PLAN = {
    "2017-02-06": 100,
    "2017-02-07": 150,
    "2017-02-08": 0,
    "2017-03-16": -80,
    "2017-03-20": 0,
    "2017-05-04": 60,
    "2017-05-08": 120,
    "2017-05-10": 0,
    "2017-06-29": 75,
    "2017-06-30": 90,
    "2017-07-03": 30,
}


def initialize(context):
    context.asset = symbols("DIVI")[0]


def handle_data(context, data):
    target = PLAN.get(str(data.current_dt.date()))
    if target is not None:
        order_target(context.asset, target)
    LOG.append(
        [data.current_dt, context.portfolio.cash, context.portfolio.positions[context.asset].amount]
    )
    record(
        cash=context.portfolio.cash,
        value=context.portfolio.portfolio_value,
        capital_used=context.portfolio.capital_used,
    )
