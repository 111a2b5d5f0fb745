"""Buys only what cash allows, reserves, reads capital_used; sells to keep a floor."""

from zipline.api import *

CASE = {
    "data": "real_daily",
    "start": "2012-01-03",
    "end": "2012-12-31",
    "capital_base": 25000.0,
    "default_safe": True,
}
LOG = []


def initialize(context):
    context.u = symbols("AAPL", "FB", "IBM")
    set_long_only()
    set_max_leverage(1.5)
    schedule_function(buy, date_rules.month_start(), time_rules.market_open())
    schedule_function(trim, date_rules.month_end(), time_rules.market_close())


def buy(context, data):
    for s in context.u:
        if not data.can_trade(s):
            continue
        p = data.current(s, "price")
        cash = context.portfolio.cash
        n = int(cash * 0.2 // p)
        if n > 0:
            order(s, n)
    LOG.append(
        [context.portfolio.cash, context.portfolio.capital_used, context.portfolio.starting_cash]
    )


def trim(context, data):
    for s, q in context.portfolio.positions.items():
        order(s, -(q.amount // 4))
        LOG.append([s, q.amount, q.amount // 4, -(q.amount // 4), q.cost_basis])


def handle_data(context, data):
    pv = context.portfolio.portfolio_value
    context.hwm = max(getattr(context, "hwm", 0), pv)
    record(dd=pv / context.hwm - 1, cash=context.portfolio.cash)
