"""before_trading_start in minute mode: prices and history of the session before,
adjusted to the morning.
"""

from zipline.api import get_datetime, order, record, symbols

CASE = {
    "data": "edge_minute",
    "start": "2012-11-20",
    "end": "2012-11-29",
    "data_frequency": "minute",
    "quirks": ["round_history"],
}
LOG = []


def initialize(context):
    context.able, context.bake, context.chef = context.assets = symbols("ABLE", "BAKE", "CHEF")
    context.bought = False


def before_trading_start(context, data):
    LOG.append(
        [
            get_datetime(),
            data.current(context.assets, "price"),
            data.current(context.assets, ["close", "volume"]),
        ]
    )
    LOG.append(data.history(context.assets, "close", 3, "1d"))
    LOG.append(data.history(context.chef, "price", 5, "1m"))
    LOG.append(data.history([context.able, context.bake], ["close", "volume"], 2, "1m"))
    LOG.append(
        [data.can_trade(context.assets), data.is_stale(context.assets), data.current_session]
    )
    LOG.append(
        [
            context.portfolio.portfolio_value,
            context.portfolio.positions_value,
            context.portfolio.cash,
        ]
    )


def handle_data(context, data):
    if not context.bought:
        for asset in context.assets:
            order(asset, 50)
        context.bought = True
    record(value=context.portfolio.portfolio_value)
