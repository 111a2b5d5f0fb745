"""Our own writing of the rules of zipline's example 'buy_and_hold': a hundred shares of
two companies, once.
"""

from zipline.api import order, set_commission, set_slippage, symbols
from zipline.finance import commission, slippage

CASE = {
    "data": "real_daily",
    "start": "2008-01-02",
    "end": "2008-12-31",
    "capital_base": 1e7,
    "default_safe": True,
    "twin_of": "zipline.examples.buy_and_hold",
}


def initialize(context):
    set_slippage(slippage.VolumeShareSlippage())
    set_commission(commission.PerShare(cost=0.0075, min_trade_cost=1.0))
    context.wanted = symbols("AAPL", "MSFT")


def handle_data(context, data):
    while context.wanted:
        order(context.wanted.pop(0), 100)
