"""A weekly long and short portfolio of a pipeline with a screen, a mask and a factor of its own."""

from zipline.api import *
from zipline.pipeline import Pipeline, CustomFactor
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import AverageDollarVolume, Returns, SimpleMovingAverage
import numpy as np

CASE = {
    "data": "bazaar_us",
    "start": "2016-07-01",
    "end": "2016-12-15",
    "quirks": ["target_ignores_open_orders"],
}

LOG = []


class Span(CustomFactor):
    inputs = [USEquityPricing.close]
    window_length = 10

    def compute(self, today, assets, out, close):
        out[:] = np.nanmax(close, axis=0) - np.nanmin(close, axis=0)


def make_pipeline():
    liquid = AverageDollarVolume(window_length=20).top(8)
    r = Returns(window_length=5, mask=liquid)
    return Pipeline(
        columns={
            "r": r,
            "rank": r.rank(ascending=True),
            "sma": SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=10),
            "span": Span(),
            "longs": r.bottom(2),
            "shorts": r.top(2),
        },
        screen=liquid & r.notnull(),
    )


def initialize(context):
    attach_pipeline(make_pipeline(), "reversion")
    schedule_function(rebalance, date_rules.week_start(), time_rules.market_open())
    set_commission(commission.PerShare(cost=0, min_trade_cost=0))
    set_slippage(slippage.NoSlippage())


def before_trading_start(context, data):
    context.out = pipeline_output("reversion")
    context.longs = context.out[context.out["longs"]].index.tolist()
    context.shorts = context.out[context.out.shorts].index.tolist()


def rebalance(context, data):
    LOG.append(context.out.sort_values("rank").head(3))
    n = len(context.longs) + len(context.shorts)
    for s in sorted(set(context.portfolio.positions) - {*context.longs, *context.shorts}):
        order_target_percent(s, 0)
    for side, names in ((0.9, context.longs), (-0.9, context.shorts)):
        for s in names:
            if data.can_trade(s):
                order_target_percent(s, side / n)
