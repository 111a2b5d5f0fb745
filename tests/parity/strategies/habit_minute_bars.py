"""Makes bars of fifteen minutes with pandas, beside functions scheduled by lambdas in a loop."""

from zipline.api import *

CASE = {
    "data": "edge_minute",
    "start": "2012-11-20",
    "end": "2012-11-27",
    "data_frequency": "minute",
    "default_safe": True,
}

LOG = []
HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


def initialize(context):
    context.s = symbol("CHEF")
    context.n = 0
    for minutes in range(1, 391, 65):
        schedule_function(
            lambda c, d, m=minutes: LOG.append([m, get_datetime()]),
            date_rules.every_day(),
            time_rules.market_open(minutes=minutes),
        )
    schedule_function(
        lambda c, d: LOG.append(["whole days", get_datetime()]),
        date_rules.every_day(),
        time_rules.market_close(hours=3, minutes=20),
        half_days=False,
    )
    schedule_function(lambda c, d: LOG.append(["no time", get_datetime()]))


def handle_data(context, data):
    context.n += 1
    if context.n % 30:
        return
    h = data.history([context.s], list(HOW), 60, "1m").xs(context.s, level=1)
    bars = h.resample("15min", label="right", closed="right").agg(HOW).dropna()
    LOG.append(bars.tail(2))
    up = bars["close"].iloc[-1] > bars["open"].iloc[-1]
    order_target_percent(context.s, 0.5 if up else 0)
    et = get_datetime("US/Eastern")
    LOG.append([et.hour, et.strftime("%a"), et.tz_convert("UTC") == data.current_dt])
