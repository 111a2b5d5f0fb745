"""Daily bars seven days a week."""

from zipline.api import (
    date_rules,
    get_datetime,
    order_target_percent,
    record,
    schedule_function,
    symbols,
)

CASE = {
    "data": "crypto_daily",
    "start": "2018-02-01",
    "end": "2018-05-31",
    "quirks": ["lag_at_midnight"],
}
LOG = []


def initialize(context):
    context.coin, context.ether = symbols("BITC", "ETHR")
    schedule_function(weekly, date_rules.week_start())
    schedule_function(monthly, date_rules.month_end())


def weekly(context, data):
    LOG.append(get_datetime())
    order_target_percent(context.coin, 0.5)


def monthly(context, data):
    LOG.append(get_datetime())
    order_target_percent(
        context.ether,
        0.2
        if data.history(context.ether, "close", 10, "1d").mean()
        > data.current(context.ether, "close")
        else 0,
    )


def handle_data(context, data):
    record(coin=data.current(context.coin, "price"))
