"""Windows and prices around the clock across splits and dividends, in the morning and at the close."""

from zipline.api import get_datetime, order_target_percent, symbols

CASE = {
    "data": "bazaar_crypto",
    "start": "2016-06-17",
    "end": "2016-07-16",
    "quirks": ["round_history", "lag_at_midnight"],
}
LOG = []


def initialize(context):
    context.assets = symbols("ACRE", "BOLT", "CALM", "ECHO", "IRIS", "JADE")
    context.day = 0


def look(context, data, when):
    """Log what a strategy sees."""
    several, one = context.assets, context.assets[0]
    LOG.append([when, get_datetime(), data.history(several, "close", 5, "1d")])
    LOG.append(data.history(several, "volume", 5, "1d"))
    LOG.append(data.history(one, ["open", "volume", "price"], 4, "1d"))
    LOG.append([data.current(several, "price"), data.current(several, ["open", "volume"])])


def before_trading_start(context, data):
    look(context, data, "morning")


def handle_data(context, data):
    look(context, data, "close")
    order_target_percent(context.assets[context.day % 6], 0.1)
    context.day += 1
