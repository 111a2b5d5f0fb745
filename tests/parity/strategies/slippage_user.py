"""A slippage model of the user's: own volume rule, refusals, an end to the bar's
liquidity, fill prices of its own.
"""

from zipline.api import order, set_slippage, symbols
from zipline.finance.slippage import LiquidityExceeded, SlippageModel

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-04-28", "default_safe": True}
LOG = []


class HalfSpread(SlippageModel):
    """Fills at most a tenth of the bar, at the close moved by a tenth of the bar's
    range.
    """

    def __init__(self, share=0.1):
        super().__init__()
        self.share = share

    def process_order(self, data, order):
        volume = data.current(order.asset, "volume")
        left = int(volume * self.share) - self.volume_for_bar
        LOG.append(
            [
                data.current_dt,
                order.id,
                order.sid,
                order.open_amount,
                order.direction,
                self.volume_for_bar,
                left,
            ]
        )
        if left <= 0:
            raise LiquidityExceeded()
        if order.amount == 13:
            return None, None
        bar = data.current(order.asset, ["high", "low", "close"])
        price = bar["close"] + order.direction * (bar["high"] - bar["low"]) / 10
        return price, min(left, abs(order.open_amount)) * order.direction


def initialize(context):
    set_slippage(HalfSpread(share=0.08))
    context.thin, context.gaps = symbols("THIN", "GAPS")
    context.day = 0


def handle_data(context, data):
    if context.day % 5 == 0:
        order(context.thin, 40)
        order(context.thin, 13)
        order(context.thin, -22)
        order(context.gaps, 9_000)
    if context.day == 50:
        order(context.thin, 7.0)
    context.day += 1
