"""Every trading control at once, most of them logging, and restrictions that change over time."""

from zipline.api import *
from zipline.finance.asset_restrictions import *
import pandas as pd

CASE = {
    "data": "edge_daily",
    "start": "2017-02-01",
    "end": "2017-04-12",
    "error": "AccountControlViolation",
    "default_safe": True,
}

LOG = []


def initialize(context):
    set_max_position_size(symbol("ALFA"), max_shares=200, max_notional=9000, on_error="log")
    set_max_position_size(max_shares=5000, on_error="log")
    set_max_order_size(symbol("VOLA"), max_notional=3000, on_error="log")
    set_max_order_count(3, on_error="log")
    set_min_leverage(0.0, pd.Timedelta("30D"))
    set_max_leverage(5)
    frozen = [
        Restriction(symbol("DIVI"), pd.Timestamp(day, tz="utc"), state)
        for day, state in (
            ("2017-02-20", RESTRICTION_STATES.FROZEN),
            ("2017-03-10", RESTRICTION_STATES.ALLOWED),
        )
    ]
    set_asset_restrictions(StaticRestrictions([symbol("THIN")]), on_error="log")
    set_asset_restrictions(HistoricalRestrictions(frozen), on_error="log")
    context.syms = symbols("ALFA", "VOLA", "THIN", "DIVI", "SPLT")
    context.i = 0


def handle_data(context, data):
    context.i += 1
    for s in context.syms:
        LOG.append(order(s, 30 + 10 * (context.i % 5)))
    LOG.append([data.can_trade(s) for s in context.syms])
    LOG.append({s.symbol: p.amount for s, p in context.portfolio.positions.items()})
