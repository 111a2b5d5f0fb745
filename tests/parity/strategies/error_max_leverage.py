"""The leverage control is asked at the end of a session and ends the run."""

from zipline.api import order_percent, set_max_leverage, symbol

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-02-28",
    "default_safe": True,
    "error": "AccountControlViolation",
}
LOG = []


def initialize(context):
    context.asset = symbol("ALFA")
    set_max_leverage(1.5)


def handle_data(context, data):
    LOG.append([data.current_dt, context.account.leverage])
    order_percent(context.asset, 0.4)
