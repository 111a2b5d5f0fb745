"""Pipelines attached in a loop; outputs joined, concatenated and grouped in pandas."""

import pandas as pd
from zipline.api import (
    attach_pipeline,
    order_percent,
    order_target_percent,
    pipeline_output,
    schedule_function,
    date_rules,
    time_rules,
)
from zipline.pipeline import CustomFilter, Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import Latest, Returns, WeightedAverageValue, EWMA, EWMSTD

CASE = {"data": "bazaar_us", "start": "2016-08-29", "end": "2016-10-06", "default_safe": True}
LOG = []


class TradedEveryDay(CustomFilter):
    inputs = [USEquityPricing.volume]
    window_length = 5

    def compute(self, today, assets, out, volume):
        out[:] = (volume > 0).all(axis=0)


PIPES = {
    "momentum": lambda: Pipeline({"m": Returns(window_length=30)}, screen=TradedEveryDay()),
    "value": lambda: Pipeline(
        {
            "ewma": EWMA.from_halflife(
                inputs=[USEquityPricing.close], window_length=15, halflife=4
            ),
            "ewmstd": EWMSTD.from_span(inputs=[USEquityPricing.close], window_length=15, span=9),
            "weighted": WeightedAverageValue(
                inputs=[USEquityPricing.close, USEquityPricing.volume], window_length=7
            ),
            "last": Latest(inputs=[USEquityPricing.close]),
        }
    ),
    "empty": lambda: Pipeline({}, screen=USEquityPricing.close.latest < 3.0),
    "nobody": lambda: Pipeline(
        {"x": USEquityPricing.high.latest}, screen=USEquityPricing.close.latest < 0.0
    ),
}


def initialize(context):
    for name, make in PIPES.items():
        attach_pipeline(make(), name)
    schedule_function(rebalance, date_rules.month_end(), time_rules.market_open(minutes=45))
    schedule_function(rebalance, date_rules.month_start(), time_rules.market_open(minutes=45))
    context.history = []


def before_trading_start(context, data):
    outs = {name: pipeline_output(name) for name in PIPES}
    for name in PIPES:
        LOG.append(outs[name])
    joined = outs["momentum"].join(outs["value"], how="inner")
    # Where a price never moved, mean and deviation are rounding errors of the processor.
    joined = joined[joined["ewmstd"] > 1e-9].copy()
    joined["stretch"] = (joined["last"] - joined["ewma"]) / joined["ewmstd"]
    both = pd.concat([outs["momentum"], outs["value"]], axis=1)
    context.joined = joined.dropna(how="any")
    context.pennies = outs["empty"].index
    context.history.append(joined["stretch"].rename(len(context.history)))
    LOG.append(
        [len(both), both.isnull().sum().tolist(), len(outs["nobody"]), list(outs["nobody"].columns)]
    )


def rebalance(context, data):
    table = context.joined
    buckets = pd.qcut(table["stretch"].rank(method="first"), 4, labels=False)
    for bucket, rows in table.groupby(buckets):
        LOG.append([int(bucket), [one.symbol for one in rows.index], rows["m"].mean()])
    keep = table[(buckets == 0) & ~table.index.isin(context.pennies)].index
    for asset in context.portfolio.positions:
        if asset not in keep:
            order_target_percent(asset, 0)
    for asset in keep:
        order_percent(asset, 0.2)
    wide = pd.concat(context.history, axis=1)
    LOG.append(wide.mean(axis=1).sort_index().tolist())
