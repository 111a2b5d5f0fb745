"""A slippage model that returns fractions and now and then nothing: transactions hold
whole shares.
"""

from zipline.api import order, set_slippage, symbol
from zipline.finance.slippage import SlippageModel

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-02-28", "default_safe": True}


class Fractions(SlippageModel):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def process_order(self, data, order):
        self.calls += 1
        if self.calls % 3 == 0:
            return None, None
        return data.current(order.asset, "close") + 0.001, order.direction * min(
            abs(order.open_amount), 6.9
        )


def initialize(context):
    set_slippage(Fractions())
    context.asset = symbol("ALFA")
    context.day = 0


def handle_data(context, data):
    if context.day % 10 == 0:
        order(context.asset, 21)
        order(context.asset, 20)
        order(context.asset, -15)
    context.day += 1
