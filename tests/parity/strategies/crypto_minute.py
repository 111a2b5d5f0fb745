"""Minutes round the clock."""

from zipline.api import (
    date_rules,
    get_datetime,
    order,
    record,
    schedule_function,
    symbols,
    time_rules,
)

CASE = {
    "data": "crypto_minute",
    "start": "2018-03-02",
    "end": "2018-03-04",
    "data_frequency": "minute",
    "default_safe": True,
}
LOG = []


def initialize(context):
    context.coin, context.ether = symbols("BITC", "ETHR")
    schedule_function(first, date_rules.every_day(), time_rules.market_open())
    schedule_function(last, date_rules.every_day(), time_rules.market_close(hours=2))


def first(context, data):
    LOG.append([get_datetime(), "first", data.current(context.coin, "last_traded")])
    order(context.ether, 40)


def last(context, data):
    LOG.append([get_datetime(), "last", data.history(context.ether, "price", 3, "1m")])
    order(context.ether, -25)


def before_trading_start(context, data):
    LOG.append([get_datetime(), "before", context.portfolio.cash])


def handle_data(context, data):
    if get_datetime().minute == 30:
        order(context.coin, 2 if get_datetime().hour % 5 else -6)
    record(minutes=get_datetime().minute, price=data.current(context.coin, "price"))
