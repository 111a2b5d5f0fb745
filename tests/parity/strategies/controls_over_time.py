"""Restrictions that come and go with time, beside limits of every kind, all of them
only logged.
"""

import pandas as pd
from zipline.api import (
    RESTRICTION_STATES,
    HistoricalRestrictions,
    Restriction,
    StaticRestrictions,
    order,
    set_asset_restrictions,
    set_long_only,
    set_max_order_count,
    set_max_order_size,
    set_max_position_size,
    symbols,
)
from zipline.finance.asset_restrictions import (
    RESTRICTION_STATES,
    HistoricalRestrictions,
    Restriction,
    StaticRestrictions,
)

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-06-30", "default_safe": True}
LOG = []


def initialize(context):
    context.s = symbols("ALFA", "VOLA", "DIVI", "SPLT")
    F, A = RESTRICTION_STATES.FROZEN, RESTRICTION_STATES.ALLOWED
    t = lambda x: pd.Timestamp(x, tz="UTC")
    h = HistoricalRestrictions(
        [
            Restriction(context.s[0], t("2017-02-01"), F),
            Restriction(context.s[0], t("2017-03-01"), A),
            Restriction(context.s[1], t("2017-04-03"), F),
        ]
    )
    set_asset_restrictions(h, on_error="log")
    set_asset_restrictions(StaticRestrictions([context.s[3]]), on_error="log")
    set_max_order_size(context.s[2], max_shares=30, on_error="log")
    set_max_position_size(context.s[1], max_notional=5000, on_error="log")
    set_long_only(on_error="log")
    set_max_order_count(3, on_error="log")
    context.i = 0


def handle_data(context, data):
    context.i += 1
    LOG.append(data.can_trade(context.s))
    for j, s in enumerate(context.s):
        if context.i % (j + 2) == 0:
            LOG.append(order(s, 20 if context.i % 3 else -50) is None)
