"""Requests that zipline refuses without harm, each with the class of its error."""

from zipline.api import (
    get_environment,
    schedule_function,
    set_symbol_lookup_date,
    sid,
    symbol,
    symbols,
    time_rules,
)

CASE = {"data": "edge_daily", "start": "2017-01-06", "end": "2017-01-20", "default_safe": True}
LOG = []


def attempt(function, *arguments, **settings):
    try:
        function(*arguments, **settings)
    except Exception as error:
        LOG.append(type(error).__name__)
    else:
        LOG.append("accepted")


def initialize(context):
    context.asset = symbol("ALFA")
    attempt(symbol, "NONE")
    attempt(symbols, "ALFA", "NONE")
    attempt(sid, 999)
    attempt(get_environment, "colour")
    attempt(set_symbol_lookup_date, "not a date")
    attempt(time_rules.market_open, minutes=0)
    attempt(time_rules.market_open, hours=13)
    attempt(schedule_function, handle_data, time_rules.market_open)


def handle_data(context, data):
    asset = context.asset
    attempt(data.history, asset, "price", 3, "1d")
    attempt(data.history, asset, "price", 5, "1d")
    attempt(data.history, asset, "price", 30, "1d")
    attempt(data.history, asset, "colour", 2, "1d")
    attempt(data.history, asset, "close", 0, "1d")
    attempt(data.history, asset, "close", 2, "5d")
