"""Controls in minute mode: orders a day, restrictions from a minute on, leverage at the
end of the session.
"""

import pandas as pd
from zipline.api import (
    get_datetime,
    order,
    set_asset_restrictions,
    set_max_leverage,
    set_max_order_count,
    symbols,
)
from zipline.finance.asset_restrictions import (
    HistoricalRestrictions,
    Restriction,
    RESTRICTION_STATES,
)

CASE = {
    "data": "edge_minute",
    "start": "2012-11-19",
    "end": "2012-11-29",
    "data_frequency": "minute",
    "default_safe": True,
    "error": "AccountControlViolation",
}
LOG = []


def initialize(context):
    context.able, context.bake = symbols("ABLE", "BAKE")
    set_max_order_count(6)
    set_max_leverage(0.7)
    set_asset_restrictions(
        HistoricalRestrictions(
            [
                Restriction(
                    context.bake,
                    pd.Timestamp("2012-11-20 15:00", tz="UTC"),
                    RESTRICTION_STATES.FROZEN,
                ),
                Restriction(
                    context.bake,
                    pd.Timestamp("2012-11-20 17:00", tz="UTC"),
                    RESTRICTION_STATES.ALLOWED,
                ),
            ]
        )
    )


def handle_data(context, data):
    now = get_datetime()
    if now.minute % 30 == 0:
        for asset in (context.able, context.bake):
            try:
                LOG.append([now, order(asset, 60), data.can_trade(asset)])
            except Exception as error:
                LOG.append([now, type(error).__name__, data.can_trade(asset)])
