"""A factor with several outputs and params; a rank of ranks; the table sorted and cut."""

import numpy as np
import pandas as pd
import zipline.api as algo
from zipline.pipeline import CustomFactor, Pipeline
from zipline.pipeline.data import USEquityPricing as prices
from zipline.pipeline.factors import AverageDollarVolume, Returns

CASE = {
    "data": "bazaar_us",
    "start": "2016-08-29",
    "end": "2016-10-06",
    "capital_base": 25_000.0,
    "quirks": ["target_ignores_open_orders"],
}
LOG = []


class Trend(CustomFactor):
    inputs = [prices.close, prices.volume]
    outputs = ["slope", "fit", "turnover"]
    window_length = 25
    params = {"scale": 252, "robust": False}

    def compute(self, today, assets, out, close, volume, scale, robust):
        x = np.arange(len(close), dtype=float)
        log = np.log(close)
        x = x - x.mean()
        dev = log - log.mean(axis=0)
        slope = (x[:, None] * dev).sum(axis=0) / (x**2).sum()
        if robust:
            slope = np.clip(slope, -0.01, 0.01)
        out.slope[:] = slope * scale
        resid = dev - x[:, None] * slope
        out.fit[:] = 1 - (resid**2).sum(axis=0) / (dev**2).sum(axis=0)
        out.turnover[:] = np.nansum(close * volume, axis=0) / len(close)


def make_pipeline():
    liquid = AverageDollarVolume(window_length=20).top(10)
    trend = Trend(mask=liquid)
    capped = Trend(mask=liquid, robust=True, scale=1)
    slope, fit, turnover = trend
    score = (slope * fit).rank(mask=liquid & fit.notnull()) + turnover.rank(mask=liquid)
    return Pipeline(
        columns={
            "slope": slope,
            "fit": trend.fit,
            "capped": capped.slope,
            "score": score,
            "best": score.rank(ascending=False),
            "lag": Returns(window_length=5, mask=liquid),
        },
        screen=liquid,
    )


def initialize(context):
    algo.attach_pipeline(make_pipeline(), "trend")
    algo.schedule_function(
        trade, algo.date_rules.every_day(), algo.time_rules.market_open(minutes=30)
    )
    algo.set_commission(algo.commission.PerShare(cost=0.005, min_trade_cost=1))


def before_trading_start(context, data):
    out = algo.pipeline_output("trend").copy()
    out["mix"] = out["score"].fillna(0) - out["lag"].fillna(0) * 10
    context.picks = out.sort_values(["best", "mix"], ascending=[True, False]).dropna().head(4)
    LOG.append(out)
    LOG.append([str(one) for one in out.dtypes])


def trade(context, data):
    wanted = context.picks.index
    for held in list(context.portfolio.positions):
        if held not in wanted:
            algo.order_target_percent(held, 0)
    if len(wanted):
        share = context.picks["slope"].abs() / context.picks["slope"].abs().sum()
        for asset, part in share.items():
            if data.can_trade(asset):
                algo.order_target_percent(asset, part * 0.95)
    algo.record(names=len(wanted), top=context.picks["slope"].max())
