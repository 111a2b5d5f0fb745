"""Many orders of one asset in one bar, buys and sells, market and stop, in the order
they were placed.
"""

from zipline.api import order, set_slippage, symbols
from zipline.finance import slippage

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-02-28", "default_safe": True}


def initialize(context):
    set_slippage(slippage.VolumeShareSlippage(volume_limit=0.05, price_impact=0.2))
    context.thin, context.gaps = symbols("THIN", "GAPS")
    context.day = 0


def handle_data(context, data):
    price = data.current(context.thin, "price")
    if context.day % 3 == 0:
        order(context.gaps, 3_000)
        order(context.thin, 9)
        order(context.thin, -4)
        order(context.gaps, -2_500)
        order(context.thin, 15, stop_price=price * 1.005)
        order(context.thin, -12, stop_price=price * 0.995)
        order(context.gaps, 1)
        order(context.thin, 1)
    context.day += 1
