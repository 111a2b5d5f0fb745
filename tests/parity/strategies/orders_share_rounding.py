"""Amounts near an integer: zipline's rounding, exactly as it is."""

from zipline.api import get_order, order, order_target, set_slippage, symbol
from zipline.finance import slippage

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-02-10",
    "quirks": ["round_in_binary"],
}
LOG = []
AMOUNTS = [
    3.9999,
    3.99995,
    3.99985,
    3.9998,
    4.0001,
    4.00005,
    0.9999,
    0.99991,
    0.0001,
    -3.9999,
    -3.99995,
    -5.5,
    5.5,
    0.5,
    -0.5,
    1e-5,
    7.99990000001,
    7.9999,
    12.0,
    3,
    -2,
    True,
]


def initialize(context):
    set_slippage(slippage.NoSlippage())
    context.asset = symbol("ALFA")
    context.day = 0


def handle_data(context, data):
    if context.day < len(AMOUNTS):
        placed = order(context.asset, AMOUNTS[context.day])
        LOG.append([AMOUNTS[context.day], placed and get_order(placed).amount])
    elif context.day == len(AMOUNTS):
        LOG.append(order_target(context.asset, 9.9999))
    context.day += 1
