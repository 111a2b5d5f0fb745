"""EquityPricing on XTKS: the same pipeline that others run in New York, generic and with a domain."""

from zipline.api import (
    attach_pipeline,
    order_target_percent,
    pipeline_output,
    record,
    schedule_function,
    date_rules,
    time_rules,
)
from zipline.pipeline import CustomFactor, Pipeline
from zipline.pipeline.data import EquityPricing
from zipline.pipeline.domain import JP_EQUITIES
from zipline.pipeline.factors import AverageDollarVolume, Returns, RSI, VWAP, SimpleMovingAverage

CASE = {"data": "bazaar_tokyo", "start": "2016-08-12", "end": "2016-09-16", "default_safe": True}
LOG = []


class Gap(CustomFactor):
    inputs = [EquityPricing.open, EquityPricing.close]
    window_length = 3

    def compute(self, today, assets, out, opens, closes):
        out[:] = (opens[1:] / closes[:-1] - 1).sum(axis=0)


def initialize(context):
    liquid = AverageDollarVolume(window_length=10).top(9)
    context.days = 0
    attach_pipeline(
        Pipeline(
            {
                "r": Returns(window_length=10),
                "week": Returns(window_length=6).downsample("week_start"),
                "gap": Gap(mask=liquid),
            },
            screen=liquid,
        ),
        "generic",
        eager=False,
        chunks=20,
    )
    attach_pipeline(
        Pipeline(
            {
                "rsi": RSI(),
                "z": (
                    VWAP(window_length=9)
                    / SimpleMovingAverage(
                        inputs=[EquityPricing.close.specialize(JP_EQUITIES)], window_length=9
                    )
                ).zscore(),
            },
            domain=JP_EQUITIES,
        ),
        "local",
    )
    schedule_function(trade, date_rules.week_start(), time_rules.market_open())


def before_trading_start(context, data):
    context.days += 1
    LOG.append(pipeline_output("local"))


def trade(context, data):
    generic = pipeline_output("generic")
    local = pipeline_output("local")
    LOG.append(generic.join(local))
    best = generic.r.sub(generic.gap.fillna(0)).nlargest(3).index
    for asset in context.portfolio.positions:
        if asset not in best:
            order_target_percent(asset, 0)
    for asset in best:
        order_target_percent(asset, 0.3)
    record(days=context.days, rsi=local.rsi.mean())
