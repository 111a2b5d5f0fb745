"""The lower leverage bound holds after its grace period."""

import pandas as pd
from zipline.api import order_target_percent, set_min_leverage, symbol

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-03-31",
    "default_safe": True,
    "error": "AccountControlViolation",
}
LOG = []


def initialize(context):
    context.asset = symbol("ALFA")
    set_min_leverage(0.3, pd.Timedelta(days=10))
    context.day = 0


def handle_data(context, data):
    LOG.append([data.current_dt, context.account.leverage])
    context.day += 1
    if context.day == 2:
        order_target_percent(context.asset, 0.5)
    if context.day == 25:
        order_target_percent(context.asset, 0.2)
