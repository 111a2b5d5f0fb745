"""Four pipelines at once: eager and lazy, chunks by count and by generator, one read in
handle_data only, one in a scheduled function, one filled after it was attached.
"""

from zipline.api import (
    attach_pipeline,
    date_rules,
    order_target_percent,
    pipeline_output,
    record,
    schedule_function,
    time_rules,
)
from zipline.pipeline import CustomFactor, Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import (
    AverageDollarVolume,
    Returns,
    SimpleMovingAverage,
    VWAP,
)

CASE = {
    "data": "pipelines_daily",
    "start": "2015-10-01",
    "end": "2016-03-31",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []


class Spread(CustomFactor):
    inputs = [USEquityPricing.high, USEquityPricing.low]
    window_length = 4
    params = {"scale": 100.0}

    def compute(self, today, assets, out, high, low, scale):
        low = low.copy()
        low[low <= 0] = 1.0
        out[:] = (high / low).mean(axis=0) * scale


def chunk_sizes():
    yield 2
    yield 11
    while True:
        yield 7


def initialize(context):
    liquid = AverageDollarVolume(window_length=10).top(8)
    first = Pipeline({"month": Returns(window_length=22)}, screen=liquid)
    attached = attach_pipeline(first, "first", chunks=chunk_sizes())
    attached.add(Returns(window_length=22).downsample("month_start"), "at_start")
    attach_pipeline(Pipeline({"spread": Spread()}, screen=liquid), "second", eager=False)
    attach_pipeline(
        Pipeline({"vwap": VWAP(window_length=5), "close": USEquityPricing.close.latest}),
        "third",
        chunks=1,
        eager=False,
    )
    attach_pipeline(
        Pipeline({"mean": SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=9)}),
        "fourth",
        chunks=[3] * 60,
    )
    schedule_function(weekly, date_rules.week_start(days_offset=1), time_rules.market_close())


def before_trading_start(context, data):
    context.first = pipeline_output("first")
    LOG.append([len(context.first), list(context.first.columns)])


def weekly(context, data):
    spread = pipeline_output("second")["spread"]
    again = pipeline_output("second")
    LOG.append([asset.symbol for asset in spread.nlargest(3).index])
    LOG.append(bool((again["spread"] == spread).all()))


def handle_data(context, data):
    third = pipeline_output("third")
    cheap = third[third["close"] < third["vwap"]].index
    mean = pipeline_output("fourth")["mean"]
    for asset in context.first.index:
        order_target_percent(asset, 0.1 if asset in cheap else 0.0)
    record(cheap=len(cheap), mean=mean.mean(), best=context.first["month"].max())
    LOG.append([asset.symbol for asset in context.first["at_start"].dropna().nsmallest(2).index])
