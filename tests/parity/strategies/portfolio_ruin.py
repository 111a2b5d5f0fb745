"""A short that costs more than the capital: portfolio value below zero."""

from zipline.api import order, record, symbols

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-07-31",
    "default_safe": True,
    "capital_base": 1000.0,
}


def initialize(context):
    context.assets = symbols("VOLA", "DIVI")
    context.day = 0


def handle_data(context, data):
    if context.day % 40 == 0:
        order(context.assets[0], -150 if context.day % 80 == 0 else 290)
    context.day += 1
    record(
        value=context.portfolio.portfolio_value,
        leverage=context.account.leverage,
        returns=context.portfolio.returns,
    )
