"""before_trading_start with history and current, minute run with a daily window, premade lists."""

from zipline.api import *

CASE = {
    "data": "edge_minute",
    "start": "2012-11-21",
    "end": "2012-11-27",
    "data_frequency": "minute",
    "quirks": ["round_history"],
}
LOG = []


def initialize(context):
    context.s = symbols("ABLE", "CHEF", "DUNE", "BAKE")
    schedule_function(midday, date_rules.every_day(), time_rules.market_open(hours=2, minutes=15))
    schedule_function(last, date_rules.every_day(), time_rules.market_close(minutes=1))
    schedule_function(last, date_rules.month_end(), time_rules.market_close(hours=1))
    set_max_leverage(2.0)


def before_trading_start(context, data):
    context.daily = data.history(context.s, ["open", "high", "low", "close", "volume"], 5, "1d")
    LOG.append(context.daily)
    LOG.append(data.history(context.s, "price", 3, "1m"))
    LOG.append(data.history(context.s[0], ["price", "volume"], 4, "1m"))
    LOG.append([data.current(a, "price") for a in context.s])
    LOG.append(data.current(context.s, "volume"))
    LOG.append(data.can_trade(context.s))
    LOG.append(data.is_stale(context.s))
    LOG.append(
        [get_datetime(), data.current_dt, data.current_session, len(data.current_session_minutes)]
    )
    pass


def midday(context, data):
    d = data.history(context.s, "close", 3, "1d")
    m = data.history(context.s, "close", 10, "1m")
    LOG.append([d, m])
    LOG.append(data.history(context.s[1], ["high", "low"], 2, "1d"))
    LOG.append(data.history(context.s, "volume", 2, "1d"))
    ret = m.iloc[-1] / d.iloc[-2] - 1
    for a in ret.dropna().sort_values().index[:2]:
        order_target_percent(a, 0.4, limit_price=None, stop_price=None)


def last(context, data):
    for a in list(context.portfolio.positions):
        order_target_percent(a, 0)
    LOG.append([get_datetime("US/Eastern"), context.portfolio.portfolio_value])
