"""Our own writing of the rules of zipline's example 'momentum_pipeline': three assets
of the highest RSI long, three of the lowest short, every day.
"""

from zipline.api import (
    attach_pipeline,
    date_rules,
    order_target_percent,
    pipeline_output,
    record,
    schedule_function,
)
from zipline.finance import commission, slippage
from zipline.pipeline import Pipeline
from zipline.pipeline.factors import RSI

CASE = {
    "data": "pipelines_daily",
    "start": "2015-09-01",
    "end": "2016-01-29",
    "capital_base": 1e5,
    "twin_of": "zipline.examples.momentum_pipeline",
    "quirks": ["target_ignores_open_orders"],
}
COUNT = 3


def initialize(context):
    strength = RSI()
    columns = {"longs": strength.top(COUNT), "shorts": strength.bottom(COUNT)}
    attach_pipeline(Pipeline(columns=columns), "my_pipeline")
    schedule_function(trade, date_rules.every_day())
    context.set_commission(commission.PerShare(cost=0.0075, min_trade_cost=1.0))
    context.set_slippage(slippage.VolumeShareSlippage())


def before_trading_start(context, data):
    context.table = pipeline_output("my_pipeline")


def trade(context, data):
    table = context.table
    record(universe_size=len(table))
    wanted = {}
    for name, share in (("longs", 1 / COUNT), ("shorts", -1 / COUNT)):
        for asset in table.index[table[name]]:
            order_target_percent(asset, share)
            wanted[asset] = share
    for asset in context.portfolio.positions.keys() - wanted.keys():
        if data.can_trade(asset):
            order_target_percent(asset, 0)
