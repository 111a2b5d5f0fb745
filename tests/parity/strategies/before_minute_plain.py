"""before_trading_start in minute mode with history of assets that have no adjustment,
and the context.
"""

from zipline.api import get_datetime, order, record, symbols

CASE = {
    "data": "edge_minute",
    "start": "2012-11-20",
    "end": "2012-11-29",
    "data_frequency": "minute",
    "default_safe": True,
}
LOG = []


def initialize(context):
    context.bake = symbols("BAKE")[0]
    context.mean = None


def before_trading_start(context, data):
    context.mean = data.history(context.bake, "close", 5, "1d").mean()
    LOG.append(
        [
            get_datetime(),
            context.mean,
            data.current(context.bake, "price"),
            data.current(context.bake, "volume"),
        ]
    )
    LOG.append(
        [
            context.portfolio.portfolio_value,
            context.portfolio.cash,
            context.portfolio.positions[context.bake].amount,
        ]
    )


def handle_data(context, data):
    if get_datetime().minute == 45:
        order(context.bake, 5 if data.current(context.bake, "price") < context.mean else -5)
    record(mean=context.mean)
