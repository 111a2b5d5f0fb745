"""Places an order with each order function in turn and notes what each call returned."""

import pandas as pd
from zipline.api import (
    batch_market_order,
    get_order,
    order,
    order_percent,
    order_target,
    order_target_percent,
    order_target_value,
    order_value,
    symbols,
)

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-03-31", "default_safe": True}
LOG = []


def initialize(context):
    context.first, context.second, context.third = symbols("ALFA", "VOLA", "DIVI")
    context.day = 0


def step(context):
    first, second, third = context.first, context.second, context.third
    steps = [
        lambda: order(first, 123),
        lambda: order_value(second, 12_345.67),
        lambda: order_percent(third, 0.137),
        lambda: order_target(first, 80),
        lambda: order_target_value(second, 9_876.5),
        lambda: order_target_percent(third, 0.05),
        lambda: order(first, 0),
        lambda: order_value(second, 1.0),
        lambda: order_value(second, -4_321.0),
        lambda: order_percent(first, -0.08),
        lambda: order_target(third, -25),
        lambda: order_target_value(first, -1_000),
        lambda: order_target_percent(second, -0.1),
        lambda: list(batch_market_order(pd.Series({first: 11, second: -7, third: 0}))),
        lambda: order_target(third, 0),
        lambda: order_target_percent(second, 0),
        lambda: order_target(first, context.portfolio.positions[first].amount),
        lambda: order_target_percent(first, 0.9999),
        lambda: order_target_value(first, 0),
    ]
    return steps[context.day % len(steps)]()


def handle_data(context, data):
    placed = step(context)
    context.day += 1
    LOG.append([placed, context.portfolio.cash, context.portfolio.portfolio_value])
    if isinstance(placed, str):
        LOG.append([get_order(placed).amount, get_order(placed).filled])
