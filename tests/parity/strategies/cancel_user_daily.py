"""A cancel policy of the user's in daily mode, asked once a session."""

from zipline.api import order, set_cancel_policy, symbols
from zipline.errors import UnsupportedCancelPolicy
from zipline.finance.cancel_policy import CancelPolicy

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-03-15",
    "quirks": ["cancel_oldest_only", "limit_may_be_passed"],
}
LOG = []


class EveryThird(CancelPolicy):
    def __init__(self):
        self.asked = 0
        self.warn_on_cancel = False

    def should_cancel(self, event):
        self.asked += 1
        LOG.append(int(event))
        return self.asked % 3 == 0


def initialize(context):
    try:
        set_cancel_policy(EveryThird)
    except UnsupportedCancelPolicy as error:
        LOG.append(type(error).__name__)
    set_cancel_policy(EveryThird())
    context.thin, context.vola = symbols("THIN", "VOLA")


def handle_data(context, data):
    order(context.thin, 40)
    order(context.vola, 10, limit_price=data.current(context.vola, "price") * 0.9)
