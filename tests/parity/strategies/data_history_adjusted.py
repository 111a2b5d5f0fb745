"""History over splits and dividends: adjusted as of today and rounded by zipline to
three decimals.
"""

from zipline.api import order_target_percent, record, symbols

CASE = {
    "data": "edge_daily",
    "start": "2017-02-01",
    "end": "2017-09-15",
    "quirks": ["lose_dividend_off_session", "round_history"],
}
LOG = []


def initialize(context):
    context.assets = symbols("SPLT", "DIVI", "DIVQ")
    context.day = 0


def handle_data(context, data):
    context.day += 1
    means = data.history(context.assets, "price", 10, "1d").mean()
    if context.day % 5 == 0:
        for asset in context.assets:
            order_target_percent(
                asset, 0.3 if means[asset] < data.current(asset, "price") else -0.1
            )
    record(split=means[context.assets[0]], dividend=means[context.assets[1]])
    if context.day % 3 == 0:
        for field in ("open", "high", "low", "close", "volume"):
            LOG.append(data.history(context.assets[0], field, 4, "1d"))
        LOG.append(data.history(context.assets, ["close", "volume"], 3, "1d"))
