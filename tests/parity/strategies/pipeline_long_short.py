"""Mean reversion, long and short: two pipelines, one of them lazy, and class columns."""

from zipline.api import attach_pipeline, order_target_percent, pipeline_output, record
from zipline.pipeline import Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import RSI, AverageDollarVolume, Returns, SimpleMovingAverage

CASE = {"data": "pipelines_daily", "start": "2015-09-01", "end": "2016-04-15", "default_safe": True}
LOG = []


def initialize(context):
    returns = Returns(window_length=5)
    tradable = AverageDollarVolume(window_length=30).percentile_between(20, 100)
    pipe = Pipeline(
        columns={
            "quantile": returns.quantiles(4, mask=tradable),
            "rsi": RSI(),
            "above": USEquityPricing.close.latest
            > SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=50),
        },
        screen=tradable,
    )
    attach_pipeline(pipe, "reversion", chunks=10)
    attach_pipeline(
        Pipeline({"adv": AverageDollarVolume(window_length=5)}), "liquidity", eager=False
    )
    context.day = 0


def before_trading_start(context, data):
    context.day += 1
    context.table = pipeline_output("reversion")
    if context.day % 20 == 0:
        adv = pipeline_output("liquidity")["adv"]
        LOG.append([asset.symbol for asset in adv.dropna().sort_values().index])


def handle_data(context, data):
    if context.day % 3:
        return
    table = context.table
    longs = table.index[(table["quantile"] == 0) & table["above"]]
    shorts = table.index[(table["quantile"] == 3) & ~table["above"]]
    for asset in sorted(set(context.portfolio.positions) - set(longs) - set(shorts)):
        order_target_percent(asset, 0)
    for asset in longs:
        order_target_percent(asset, 0.1)
    for asset in shorts:
        order_target_percent(asset, -0.1)
    record(longs=len(longs), shorts=len(shorts), rsi=table["rsi"].mean())
