"""Every trading control with on_error='fail', caught by the strategy, which goes on."""

import pandas as pd
from zipline.api import (
    order,
    order_target,
    order_value,
    set_asset_restrictions,
    set_long_only,
    set_max_order_count,
    set_max_order_size,
    set_max_position_size,
    symbols,
)
from zipline.errors import TradingControlViolation
from zipline.finance.asset_restrictions import (
    HistoricalRestrictions,
    Restriction,
    RESTRICTION_STATES,
    StaticRestrictions,
)

CASE = {"data": "edge_daily", "start": "2017-01-03", "end": "2017-03-31", "default_safe": True}
LOG = []


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except TradingControlViolation as error:
        return type(error).__name__
    except Exception as error:
        return "other " + type(error).__name__


def initialize(context):
    context.alfa, context.vola, context.divi, context.gaps, context.thin = symbols(
        "ALFA", "VOLA", "DIVI", "GAPS", "THIN"
    )
    set_max_order_size(context.alfa, max_shares=50)
    set_max_order_size(context.vola, max_notional=1_500)
    set_max_position_size(context.alfa, max_shares=120, max_notional=6_500)
    set_max_position_size(max_notional=30_000)
    set_max_order_count(5)
    set_long_only()
    set_asset_restrictions(StaticRestrictions([context.divi]))
    set_asset_restrictions(
        HistoricalRestrictions(
            [
                Restriction(
                    context.gaps, pd.Timestamp("2017-01-20", tz="UTC"), RESTRICTION_STATES.FROZEN
                ),
                Restriction(
                    context.gaps, pd.Timestamp("2017-02-10", tz="UTC"), RESTRICTION_STATES.ALLOWED
                ),
                Restriction(
                    context.thin, pd.Timestamp("2017-01-01", tz="UTC"), RESTRICTION_STATES.FROZEN
                ),
            ]
        )
    )
    for wrong in ({}, {"max_shares": -1}, {"max_notional": -1}):
        LOG.append(attempt(lambda settings=wrong: set_max_order_size(**settings)))
        LOG.append(attempt(lambda settings=wrong: set_max_position_size(**settings)))
    context.day = 0


def handle_data(context, data):
    amounts = (30, 51, 50, 10, 60)
    LOG.append(
        [
            data.current_dt,
            attempt(order, context.alfa, amounts[context.day % 5]),
            attempt(order, context.vola, 20),
            attempt(order_value, context.vola, 1_499.0),
            attempt(order, context.divi, 1),
            attempt(order, context.gaps, 2),
            attempt(order, context.thin, 2),
            attempt(order, context.vola, -1_000),
            attempt(order_target, context.alfa, 0) if context.day % 5 == 4 else None,
            attempt(order, context.alfa, 0.5),
        ]
    )
    LOG.append(data.can_trade([context.alfa, context.divi, context.gaps, context.thin]))
    context.day += 1
