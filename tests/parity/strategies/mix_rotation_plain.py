"""The same idea on assets without splits and dividends, with raw closes."""

from zipline.api import date_rules, order_target_value, record, schedule_function, symbols

CASE = {
    "data": "edge_daily",
    "start": "2017-02-13",
    "end": "2017-09-29",
    "capital_base": 250000.0,
    "quirks": ["target_ignores_open_orders"],
}


def initialize(context):
    context.universe = symbols("ALFA", "GAPS", "GONE", "LATE", "QUIT", "VOLA")
    schedule_function(rebalance, date_rules.week_start(1))


def rebalance(context, data):
    tradable = [asset for asset in context.universe if data.can_trade(asset)]
    closes = data.history(tradable, "close", 8, "1d").ffill()
    change = closes.pct_change().iloc[-5:].sum()
    for asset in tradable:
        order_target_value(asset, 40_000 if change[asset] > 0 else -15_000)


def handle_data(context, data):
    record(cash=context.portfolio.cash, exposure=context.account.total_positions_exposure)
