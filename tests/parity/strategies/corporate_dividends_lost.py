"""Dividends whose pay date is no session are never paid."""

from zipline.api import order, record, symbols

CASE = {
    "data": "edge_daily",
    "start": "2017-02-01",
    "end": "2017-05-31",
    "quirks": ["lose_dividend_off_session"],
}


def initialize(context):
    context.asset = symbols("DIVQ")[0]
    context.day = 0


def handle_data(context, data):
    if context.day == 0:
        order(context.asset, 100)
    if context.day == 30:
        order(context.asset, -250)
    context.day += 1
    record(cash=context.portfolio.cash)
