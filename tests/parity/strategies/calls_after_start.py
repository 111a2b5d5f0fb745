"""Settings that may only be made in initialize, made later: each raises the error of
its own.
"""

import pandas as pd
from zipline.api import (
    attach_pipeline,
    order,
    set_asset_restrictions,
    set_benchmark,
    set_cancel_policy,
    set_commission,
    set_do_not_order_list,
    set_long_only,
    set_max_leverage,
    set_max_order_count,
    set_max_order_size,
    set_max_position_size,
    set_min_leverage,
    set_slippage,
    set_symbol_lookup_date,
    symbol,
)
from zipline.finance import commission, slippage
from zipline.finance.asset_restrictions import StaticRestrictions
from zipline.finance.cancel_policy import NeverCancel

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-01-13", "default_safe": True}
LOG = []


def initialize(context):
    context.asset = symbol("alfa")


def handle_data(context, data):
    asset = context.asset
    calls = [
        lambda: set_slippage(slippage.NoSlippage()),
        lambda: set_commission(commission.NoCommission()),
        lambda: set_cancel_policy(NeverCancel()),
        lambda: set_benchmark(asset),
        lambda: set_long_only(),
        lambda: set_max_leverage(2.0),
        lambda: set_min_leverage(0.1, pd.Timedelta(days=1)),
        lambda: set_max_order_count(1),
        lambda: set_max_order_size(asset, max_shares=1),
        lambda: set_max_position_size(asset, max_shares=1),
        lambda: set_do_not_order_list([asset]),
        lambda: set_asset_restrictions(StaticRestrictions([asset])),
        lambda: set_symbol_lookup_date("2017-01-05"),
    ]
    for call in calls:
        try:
            call()
        except Exception as error:
            LOG.append(type(error).__name__)
        else:
            LOG.append("accepted")
    order(asset, 5)
    LOG.append(data.can_trade(asset))
