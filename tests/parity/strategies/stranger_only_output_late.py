"""No before_trading_start, lazy pipelines, outputs kept and compared over weeks; a minute hand in daily data."""

import collections
import zipline.api as z
from zipline.api import *
from zipline.pipeline import Pipeline, CustomFactor
from zipline.pipeline.data.equity_pricing import USEquityPricing as U
from zipline.pipeline.factors.basic import *
from zipline.pipeline.factors.technical import *
import numpy as np
import pandas as pd

CASE = {
    "data": "bazaar_us",
    "start": "2016-08-29",
    "end": "2016-10-06",
    "quirks": ["target_ignores_open_orders", "round_history"],
}
LOG = []


class Breadth(CustomFactor):
    """One number for all, as people write a market regime."""

    inputs = [U.close]
    window_length = 11

    def compute(self, today, assets, out, close):
        above = close[-1] > np.nanmean(close, axis=0)
        out[:] = above.sum() / float(len(assets))


def initialize(context):
    context.counts = collections.Counter()
    pipe = z.attach_pipeline(Pipeline(), "late", eager=False, chunks=7)
    pipe.add(Breadth(), "breadth")
    pipe.add(MaxDrawdown(inputs=[U.close], window_length=20), "dd")
    pipe.add(TrueRange().log1p(), "tr")
    pipe.add(U.close.latest.log() - U.open.latest.log(), "body")
    pipe.add((U.high.latest - U.low.latest).sqrt().sin(), "wave")
    pipe.add((U.close.latest - U.open.latest).abs(), "size")
    pipe.add(
        ExponentialWeightedMovingAverage(inputs=[U.high], window_length=9, decay_rate=0.7), "ewma"
    )
    pipe.add(RateOfChangePercentage(inputs=[U.close], window_length=4), "roc")
    pipe.remove("wave")
    schedule_function(look, date_rules.week_start(1), time_rules.market_open())
    schedule_function(close_out, date_rules.month_end(1), time_rules.market_close())
    set_benchmark(symbol("ACRE"))


def look(context, data):
    out = pipeline_output("late")
    LOG.append(out)
    context.counts.update(asset.symbol for asset in out[out["dd"] > out["dd"].median()].index)
    exposure = 0.9 if out["breadth"].iloc[0] > 0.4 else 0.3
    best = out["roc"].rank(pct=True)
    for asset in best[best > 0.75].index:
        if get_open_orders(asset):
            continue
        order_target_percent(asset, exposure / 4)
    LOG.append(sorted(context.counts.items()))


def close_out(context, data):
    for asset in list(context.portfolio.positions):
        order_target(asset, 0)


def analyze(context, perf):
    LOG.append(perf["portfolio_value"].iloc[-5:].tolist())
