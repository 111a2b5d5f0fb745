"""Our own writing of the rules of zipline's example 'buyapple': ten shares a day."""

from zipline.api import order, record, set_commission, set_slippage, symbol
from zipline.finance import commission, slippage

CASE = {
    "data": "real_daily",
    "start": "2005-01-03",
    "end": "2005-06-30",
    "capital_base": 1e7,
    "default_safe": True,
    "twin_of": "zipline.examples.buyapple",
}


def initialize(context):
    context.apple = symbol("AAPL")
    set_slippage(slippage.VolumeShareSlippage())
    set_commission(commission.PerShare(cost=0.0075, min_trade_cost=1.0))


def handle_data(context, data):
    order(context.apple, 10)
    record(AAPL=data.current(context.apple, "price"))
