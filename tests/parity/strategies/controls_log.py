"""Every trading control with on_error='log': the order is placed all the same."""

from zipline.api import (
    order,
    order_target_percent,
    set_asset_restrictions,
    set_do_not_order_list,
    set_long_only,
    set_max_order_count,
    set_max_order_size,
    set_max_position_size,
    symbols,
)
from zipline.finance.asset_restrictions import StaticRestrictions

CASE = {
    "data": "edge_daily",
    "start": "2017-01-03",
    "end": "2017-02-28",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []


def initialize(context):
    context.alfa, context.vola, context.divi = symbols("ALFA", "VOLA", "DIVI")
    set_max_order_size(context.alfa, max_shares=50, on_error="log")
    set_max_position_size(max_notional=5_000, on_error="log")
    set_max_order_count(2, on_error="log")
    set_long_only(on_error="log")
    set_asset_restrictions(StaticRestrictions([context.divi]), on_error="log")
    set_do_not_order_list([context.vola], on_error="log")
    context.day = 0


def handle_data(context, data):
    LOG.append([order(context.alfa, 60), order(context.vola, -20), order(context.divi, 5)])
    LOG.append([data.can_trade(asset) for asset in (context.alfa, context.vola, context.divi)])
    if context.day % 10 == 9:
        LOG.append(order_target_percent(context.alfa, -0.2))
    context.day += 1
