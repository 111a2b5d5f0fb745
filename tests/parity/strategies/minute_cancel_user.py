"""A cancel policy of the user's in minute mode, every other session."""

from zipline.api import get_datetime, get_open_orders, order, record, set_cancel_policy, symbols
from zipline.finance.cancel_policy import CancelPolicy

CASE = {
    "data": "edge_minute",
    "start": "2012-11-20",
    "end": "2012-11-28",
    "data_frequency": "minute",
    "default_safe": True,
}
LOG = []


class EveryOther(CancelPolicy):
    def __init__(self):
        self.asked = 0
        self.warn_on_cancel = False

    def should_cancel(self, event):
        self.asked += 1
        LOG.append([self.asked, int(event)])
        return self.asked % 2 == 0


def initialize(context):
    set_cancel_policy(EveryOther())
    context.bake = symbols("BAKE")[0]


def handle_data(context, data):
    now = get_datetime()
    if now.minute == 15 and now.hour == 17:
        order(context.bake, 3_000)
        order(context.bake, -5, limit_price=1_000.0)
    record(
        open_orders=len(get_open_orders(context.bake)),
        held=context.portfolio.positions[context.bake].amount,
    )
