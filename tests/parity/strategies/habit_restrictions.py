"""do_not_order_list, restrictions, long only, limits, try and except around all."""

from zipline.api import *
from zipline.finance.asset_restrictions import (
    StaticRestrictions,
    HistoricalRestrictions,
    Restriction,
    RESTRICTION_STATES as S,
)
from zipline.errors import TradingControlViolation, CannotOrderDelistedAsset, ZiplineError
import pandas as pd

CASE = {"data": "edge_daily", "start": "2017-03-20", "end": "2017-07-14", "default_safe": True}
LOG = []


def initialize(context):
    context.a = symbols("ALFA", "VOLA", "GONE", "LATE", "THIN")
    set_long_only(on_error="log")
    set_max_order_count(6, on_error="fail")
    set_max_position_size(max_notional=40000, on_error="fail")
    set_max_order_size(asset=symbol("VOLA"), max_shares=120)
    set_asset_restrictions(
        HistoricalRestrictions(
            [
                Restriction(
                    symbol("ALFA").sid and symbol("ALFA"), pd.Timestamp("2017-04-10"), S.FROZEN
                ),
                Restriction(symbol("ALFA"), pd.Timestamp("2017-05-10"), S.ALLOWED),
            ]
        )
    )
    set_asset_restrictions(StaticRestrictions([symbol("THIN")]), on_error="log")
    context.n = 0


def handle_data(context, data):
    context.n += 1
    for i, a in enumerate(context.a):
        try:
            if context.n % (i + 2) == 0:
                oid = order_target_percent(a, 0.1 * (i + 1) * (-1 if context.n % 7 == 0 else 1))
                LOG.append([a, bool(oid)])
            if context.n % 5 == 0:
                order(a, 70)
        except TradingControlViolation as e:
            LOG.append([a, type(e).__name__])
        except CannotOrderDelistedAsset as e:
            LOG.append([a, "delisted"])
        except ZiplineError as e:
            LOG.append([a, "other", type(e).__name__])
    LOG.append([bool(v) for v in data.can_trade(context.a)])
    LOG.append(data.is_stale(context.a))
