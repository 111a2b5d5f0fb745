"""Borrows three times its capital: cash below zero, leverage, and what the figures make
of it.
"""

from zipline.api import order_target_percent, record, symbols

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-05-31",
    "default_safe": True,
    "capital_base": 20000.0,
}


def initialize(context):
    context.vola, context.alfa = symbols("VOLA", "ALFA")
    context.day = 0


def handle_data(context, data):
    if context.day % 15 == 0:
        order_target_percent(context.vola, 2.0)
        order_target_percent(context.alfa, -1.0)
    context.day += 1
    account = context.account
    record(
        leverage=account.leverage,
        net=account.net_leverage,
        cash=context.portfolio.cash,
        cushion=account.cushion,
    )
