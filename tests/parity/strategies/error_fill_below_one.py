"""A slippage model's fractions are cut to whole shares; a fill of less than one share
ends the run.
"""

from zipline.api import order, set_slippage, symbol
from zipline.finance.slippage import SlippageModel

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-02-28",
    "default_safe": True,
    "error": "Exception",
}
LOG = []


class Fractions(SlippageModel):
    def process_order(self, data, order):
        close = data.current(order.asset, "close")
        LOG.append([data.current_dt, order.open_amount, self.volume_for_bar])
        return close, 3.7 if order.open_amount > 3 else 0.4


def initialize(context):
    set_slippage(Fractions())
    context.asset = symbol("ALFA")


def handle_data(context, data):
    if data.current_dt.day == 4:
        order(context.asset, 10)
    LOG.append(context.portfolio.positions[context.asset].amount)
