"""A screened momentum portfolio, as Quantopian's users wrote it: the pipeline picks,
before_trading_start keeps, a scheduled function trades.
"""

from zipline.api import (
    attach_pipeline,
    date_rules,
    get_datetime,
    order_target_percent,
    pipeline_output,
    record,
    schedule_function,
    time_rules,
)
from zipline.pipeline import CustomFactor, Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import AverageDollarVolume, Returns

CASE = {"data": "pipelines_daily", "start": "2015-07-01", "end": "2016-03-31", "default_safe": True}
LOG = []


class Momentum(CustomFactor):
    inputs = [USEquityPricing.close]
    window_length = 60

    def compute(self, today, assets, out, close):
        out[:] = close[-5] / close[0] - 1.0


def make_pipeline():
    liquid = AverageDollarVolume(window_length=20).top(9)
    momentum = Momentum(mask=liquid)
    return Pipeline(
        columns={
            "momentum": momentum,
            "longs": momentum.top(3),
            "month": Returns(window_length=21, mask=liquid).zscore(),
        },
        screen=liquid & momentum.notnull(),
    )


def initialize(context):
    attach_pipeline(make_pipeline(), "momentum")
    schedule_function(rebalance, date_rules.week_start(), time_rules.market_open())
    context.longs = []


def before_trading_start(context, data):
    output = pipeline_output("momentum")
    context.output = output
    context.longs = output[output["longs"]].sort_values("momentum", ascending=False).index.tolist()
    LOG.append(
        [
            get_datetime(),
            [asset.symbol for asset in output.index],
            output["month"].round(9).tolist(),
        ]
    )


def rebalance(context, data):
    for asset in context.portfolio.positions:
        if asset not in context.longs and data.can_trade(asset):
            order_target_percent(asset, 0.0)
    for asset in context.longs:
        if data.can_trade(asset):
            order_target_percent(asset, 0.9 / len(context.longs))
    record(universe=len(context.output))


def handle_data(context, data):
    pass
