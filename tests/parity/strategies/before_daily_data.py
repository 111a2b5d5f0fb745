"""before_trading_start in daily mode with data: zipline shows the bar of the session
that is only about to begin.
"""

from zipline.api import order_target_percent, record, symbols

CASE = {
    "data": "edge_daily",
    "start": "2017-03-20",
    "end": "2017-05-31",
    "quirks": ["look_ahead_before_start", "target_ignores_open_orders", "round_history"],
}
LOG = []


def initialize(context):
    context.assets = symbols("VOLA", "DIVI", "LATE")
    context.weights = {}


def before_trading_start(context, data):
    history = data.history(context.assets, "close", 3, "1d")
    LOG.append(
        [
            data.current_dt,
            history,
            data.current(context.assets, "price"),
            data.can_trade(context.assets),
        ]
    )
    LOG.append(
        [
            context.portfolio.portfolio_value,
            context.portfolio.positions_value,
            context.account.leverage,
        ]
    )
    context.weights = {
        asset: 0.2 if history[asset].iloc[-1] > history[asset].iloc[0] else 0.1
        for asset in context.assets
    }


def handle_data(context, data):
    for asset, weight in context.weights.items():
        if data.can_trade(asset):
            order_target_percent(asset, weight)
    record(value=context.portfolio.portfolio_value)
