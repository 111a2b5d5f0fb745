"""Reads what old code reads from the context, which is the algorithm in zipline."""

from zipline.api import *
import zipline
import numpy as np, pandas as pd

CASE = {
    "data": "edge_daily",
    "start": "2017-03-20",
    "end": "2017-05-05",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []


def initialize(context):
    context.x = symbol("alfa")
    context.lookback = 7
    for i in range(3):
        setattr(context, "v%d" % i, i)
    LOG.append([context.v2, hasattr(context, "nothing"), getattr(context, "nothing", 5)])
    schedule_function(
        func=late,
        date_rule=date_rules.every_day(),
        time_rule=time_rules.market_close(),
        half_days=True,
        calendar=calendars.US_EQUITIES,
    )
    set_symbol_lookup_date("2017-03-20")
    LOG.append(
        [
            str(get_environment("start")),
            context.sim_params.capital_base,
            str(context.sim_params.start_session),
            context.sim_params.data_frequency,
            str(context.sim_params.first_open),
            context.trading_calendar.name,
            len(context.sim_params.sessions),
        ]
    )


def late(context, data):
    LOG.append(
        [
            context.get_datetime(),
            context.datetime,
            context.recorded_vars.get("w"),
            context.initialized,
        ]
    )
    LOG.append([context.sid(11), context.symbol("VOLA"), context.symbols("VOLA", "DIVI")])


def handle_data(context, data):
    h = data.history(assets=context.x, fields="price", bar_count=context.lookback, frequency="1d")
    record(w=h.mean(), t="text", n=None, b=True, np1=np.float32(1.5), lst=[1, 2], s=h.iloc[-1:])
    record("pos", context.portfolio.positions[context.x].amount)
    order(context.x, np.int64(3))
    order(context.x, 2.0)
    order(symbol("VOLA"), np.float64(1.9))
    order_target(context.x, np.float64(10.5))
    if get_open_orders(context.x):
        LOG.append(len(get_open_orders(context.x)))
    LOG.append(
        [
            context.account.leverage,
            0 if context.portfolio.positions_value == 0 else 1,
            context.portfolio.positions.get(symbol("DIVI")),
            len(context.portfolio.positions.values()),
        ]
    )
    pos = context.portfolio.positions
    for stock, p in pos.items():
        LOG.append([stock.symbol, p.amount, p["amount"] if False else p.amount, p.asset.sid])
    LOG.append([context.x in pos, bool(pos), list(pos.keys())])
