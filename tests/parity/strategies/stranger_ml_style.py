"""Factors gathered in dictionaries, made columns, cleaned in pandas and regressed."""

from collections import OrderedDict

import numpy as np
import pandas as pd
from zipline.api import (
    attach_pipeline,
    order_target_percent,
    pipeline_output,
    schedule_function,
    date_rules,
    time_rules,
)
from zipline.utils.math_utils import nanmean, nanstd
from zipline.pipeline import CustomFactor, Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import (
    Returns,
    SimpleMovingAverage,
    AverageDollarVolume,
    RateOfChangePercentage,
    LinearWeightedMovingAverage,
)

CASE = {
    "data": "bazaar_us",
    "start": "2016-08-24",
    "end": "2016-10-06",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []
N_FORWARD_DAYS = 5


def make_factors():
    def Momentum():
        return (
            Returns(inputs=[USEquityPricing.close], window_length=40)
            / Returns(window_length=20).abs().log1p()
        )

    def Trendiness():
        return RateOfChangePercentage(inputs=[USEquityPricing.close], window_length=10) ** 2

    def Smoothed():
        return LinearWeightedMovingAverage(inputs=[USEquityPricing.close], window_length=12) % 7

    class Skew(CustomFactor):
        inputs = [Returns(window_length=2)]
        window_length = 15

        def compute(self, today, assets, out, r):
            with np.errstate(all="ignore"):
                m = nanmean(r, axis=0)
                s = nanstd(r, axis=0)
                out[:] = nanmean((r - m) ** 3, axis=0) / s**3

    return {"Momentum": Momentum, "Trendiness": Trendiness, "Smoothed": Smoothed, "Skew": Skew}


universe = AverageDollarVolume(window_length=20).top(11)


def make_pipeline():
    factors = make_factors()
    columns = OrderedDict((name, f().rank(mask=universe)) for name, f in factors.items())
    for name, f in factors.items():
        columns[name + "_raw"] = f()
    columns["Returns"] = Returns(
        inputs=[USEquityPricing.open], mask=universe, window_length=N_FORWARD_DAYS
    )
    return Pipeline(columns=columns, screen=universe)


def initialize(context):
    attach_pipeline(make_pipeline(), "ml")
    context.stored = []
    schedule_function(trade, date_rules.every_day(), time_rules.market_close(minutes=5))


def before_trading_start(context, data):
    out = pipeline_output("ml")
    LOG.append(out)
    frame = out.replace([np.inf, -np.inf], np.nan)
    frame.index = pd.MultiIndex.from_product(
        [[len(context.stored)], frame.index], names=["day", "asset"]
    )
    context.stored.append(frame)


def trade(context, data):
    if len(context.stored) < 12:
        return
    past = pd.concat(context.stored[-12:])
    names = ["Momentum", "Trendiness", "Skew"]
    x = past[names].groupby(level=0).transform(lambda col: col - col.mean()).fillna(0)
    y = past["Returns"].groupby(level="asset").shift(-1).fillna(0)
    beta = np.linalg.lstsq(x.values, y.values, rcond=None)[0]
    today = past.xs(past.index.get_level_values("day").max(), level="day")
    predictions = (today[names] - today[names].mean()).fillna(0).dot(beta).sort_values()
    LOG.append([round(float(one), 9) for one in beta])
    order_for_robustness = predictions.index
    for asset in order_for_robustness[:2]:
        order_target_percent(asset, -0.2)
    for asset in order_for_robustness[-2:]:
        order_target_percent(asset, 0.3)
    for asset in order_for_robustness[2:-2]:
        if asset in context.portfolio.positions:
            order_target_percent(asset, 0)
