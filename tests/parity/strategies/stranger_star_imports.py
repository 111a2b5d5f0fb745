"""Star imports, a make_pipeline that takes the context, longs and shorts by sign."""

from zipline.api import *
from zipline.pipeline import Pipeline
from zipline.pipeline.data import *
from zipline.pipeline.factors import *
from zipline.pipeline.filters import *

CASE = {"data": "bazaar_us", "start": "2016-08-29", "end": "2016-10-06", "default_safe": True}
LOG = []


def initialize(context):
    context.max_leverage = 1.0
    context.names = 4
    attach_pipeline(make_pipeline(context), "my_pipeline")
    schedule_function(my_rebalance, date_rules.week_start(), time_rules.market_open(hours=1))
    schedule_function(my_record_vars, date_rules.every_day(), time_rules.market_close())


def make_pipeline(context):
    base = AverageDollarVolume(window_length=30).percentile_between(20, 100)
    mean_10 = SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=10, mask=base)
    mean_30 = SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=30, mask=base)
    percent_difference = (mean_10 - mean_30) / mean_30
    shorts = percent_difference.top(context.names)
    longs = percent_difference.bottom(context.names)
    return Pipeline(
        columns={"longs": longs, "shorts": shorts, "percent_diff": percent_difference},
        screen=(shorts | longs),
    )


def compute_target_weights(context):
    weights = {}
    long_weight = 0.5 / len(context.longs) if context.longs else 0
    short_weight = -0.5 / len(context.shorts) if context.shorts else 0
    for security in context.portfolio.positions:
        weights[security] = 0
    for security in context.longs:
        weights[security] = long_weight
    for security in context.shorts:
        weights[security] = short_weight
    return weights


def before_trading_start(context, data):
    context.output = pipeline_output("my_pipeline")
    LOG.append(context.output)
    context.longs = [
        sec for sec in context.output[context.output["longs"]].index.tolist() if data.can_trade(sec)
    ]
    context.shorts = [
        sec
        for sec in context.output[context.output["shorts"]].index.tolist()
        if data.can_trade(sec)
    ]


def my_rebalance(context, data):
    for stock, weight in compute_target_weights(context).items():
        if data.can_trade(stock):
            order_target_percent(stock, weight)


def my_record_vars(context, data):
    longs = shorts = 0
    for position in context.portfolio.positions.values():
        if position.amount > 0:
            longs += 1
        elif position.amount < 0:
            shorts += 1
    record(leverage=context.account.leverage, long_count=longs, short_count=shorts)
