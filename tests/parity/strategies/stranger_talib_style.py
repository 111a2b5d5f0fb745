"""Indicators written in compute with loops, pandas and numpy tricks, masks and NaNs."""

import numpy as np
import pandas as pd
from zipline.api import attach_pipeline, order_target_percent, pipeline_output, record
from zipline.pipeline import CustomFactor, Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import Returns, AverageDollarVolume
from zipline.utils.math_utils import nanmean

CASE = {"data": "bazaar_us", "start": "2016-09-14", "end": "2016-10-06", "default_safe": True}
LOG = []


class ATR(CustomFactor):
    inputs = [USEquityPricing.close, USEquityPricing.high, USEquityPricing.low]
    window_length = 15

    def compute(self, today, assets, out, close, high, low):
        lag = np.roll(close, 1, axis=0)
        tr = np.maximum(high - low, np.maximum(abs(high - lag), abs(low - lag)))[1:]
        out[:] = nanmean(tr, axis=0)


class OBV(CustomFactor):
    inputs = [USEquityPricing.close, USEquityPricing.volume]
    window_length = 12

    def compute(self, today, assets, out, close, volume):
        for column in range(close.shape[1]):
            prices = pd.Series(close[:, column]).ffill()
            sign = np.sign(prices.diff().fillna(0).values)
            out[column] = (sign * volume[:, column]).sum()


class HalfLife(CustomFactor):
    inputs = [Returns(window_length=2), USEquityPricing.close]
    window_length = 22

    def compute(self, today, assets, out, returns, close):
        frame = pd.DataFrame(returns, columns=assets)
        corr = frame.corr(min_periods=5)
        corr = corr.where(~np.eye(len(corr), dtype=bool))
        with np.errstate(all="ignore"):
            means = corr.mean().reindex(assets).values
        out[:] = np.where(np.isnan(close[-1]), np.nan, np.round(means, 10))


class Drift(CustomFactor):
    inputs = [USEquityPricing.close]
    outputs = ["up", "age", "last"]

    def compute(self, today, assets, out, close):
        out.up[:] = (np.diff(close, axis=0) > 0).mean(axis=0)
        out.age = np.isfinite(close).argmax(axis=0)
        out["last"] = close[-1]


def initialize(context):
    universe = AverageDollarVolume(window_length=10).top(11)
    atr = ATR(mask=universe)
    drift = Drift(window_length=9, mask=universe)
    attach_pipeline(
        Pipeline(
            {
                "atr": atr / drift.last,
                "obv": OBV(mask=universe),
                "half": HalfLife(),
                "up": drift.up,
                "age": drift.age,
                "stop": drift.last - 2 * atr,
                "z": OBV().zscore(mask=universe & (drift.up > 0.3)),
            },
            screen=universe,
        ),
        "indicators",
    )
    context.stops = {}


def before_trading_start(context, data):
    context.out = pipeline_output("indicators")
    LOG.append(context.out)


def handle_data(context, data):
    out = context.out
    for asset in list(context.portfolio.positions):
        price = data.current(asset, "price")
        context.stops[asset] = max(context.stops.get(asset, 0), out["stop"].get(asset, 0))
        if price < context.stops[asset] or asset not in out.index:
            order_target_percent(asset, 0)
            context.stops.pop(asset, None)
    risk = 0.01 / out.loc[out["up"] > 0.5, "atr"].clip(lower=0.005)
    for asset, weight in risk.sort_values(ascending=False).head(5).items():
        if asset not in context.portfolio.positions and data.can_trade(asset):
            order_target_percent(asset, min(weight, 0.2))
    record(risk=risk.sum(), stops=len(context.stops))
