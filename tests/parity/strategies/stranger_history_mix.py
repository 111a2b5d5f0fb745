"""The universe from the pipeline, prices from data.history, pandas in between."""

import numpy as np
import pandas as pd
from zipline.api import (
    attach_pipeline,
    order_target_percent,
    pipeline_output,
    schedule_function,
    date_rules,
    time_rules,
    record,
)
from zipline.pipeline import Pipeline
from zipline.pipeline.factors import AverageDollarVolume
from zipline.pipeline.filters import AllPresent
from zipline.pipeline.data import USEquityPricing

CASE = {
    "data": "bazaar_us",
    "start": "2016-08-29",
    "end": "2016-10-06",
    "quirks": ["look_ahead_before_start", "round_history"],
}
LOG = []


def initialize(context):
    context.lookback = 20
    attach_pipeline(
        Pipeline(
            screen=AverageDollarVolume(window_length=15).top(8)
            & AllPresent(inputs=[USEquityPricing.close], window_length=15)
        ),
        "universe",
    )
    schedule_function(rebalance, date_rules.week_start(), time_rules.market_open(hours=2))


def before_trading_start(context, data):
    context.universe = pipeline_output("universe").index
    LOG.append([one.symbol for one in context.universe])
    prices = data.history(context.universe, "close", 5, "1d")
    LOG.append(prices)


def rebalance(context, data):
    prices = data.history(list(context.universe), "price", context.lookback, "1d")
    returns = prices.pct_change().iloc[1:]
    vols = returns.std()
    vols = vols[vols > 0]
    weights = (1 / vols) / (1 / vols).sum()
    momentum = prices.iloc[-1] / prices.iloc[0] - 1
    weights = weights[momentum.reindex(weights.index) > 0]
    LOG.append(weights.sort_values().rename("w"))
    for asset in context.portfolio.positions:
        if asset not in weights:
            order_target_percent(asset, 0)
    for asset in weights.index:
        if data.can_trade(asset):
            order_target_percent(asset, weights[asset])
    volume = data.current(list(weights.index), ["close", "volume"]) if len(weights) else None
    record(traded=0 if volume is None else volume["volume"].sum(), vol=vols.mean())
