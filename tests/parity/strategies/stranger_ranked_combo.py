"""Factors combined by nested ranks and zscores; top of a mask; several indicators."""

from zipline.api import (
    attach_pipeline,
    order_target_percent,
    pipeline_output,
    record,
    get_open_orders,
)
from zipline.pipeline import Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import (
    RSI,
    AnnualizedVolatility,
    AverageDollarVolume,
    BollingerBands,
    MaxDrawdown,
    Returns,
    SimpleBeta,
    VWAP,
)
from zipline.api import symbol

CASE = {"data": "bazaar_us", "start": "2016-08-29", "end": "2016-10-06", "default_safe": True}
LOG = []


def make_pipeline():
    universe = AverageDollarVolume(window_length=10).percentile_between(10, 90)
    momentum = Returns(window_length=60, mask=universe)
    vol = AnnualizedVolatility(window_length=40, mask=universe)
    rsi = RSI(window_length=14, mask=universe)
    lower, middle, upper = BollingerBands(window_length=20, k=1.5, mask=universe)
    dip = (USEquityPricing.close.latest - lower) / (upper - lower)
    combined = (
        momentum.zscore().rank(mask=universe)
        + vol.rank(ascending=False, mask=universe)
        + rsi.zscore(mask=momentum.top(7)).fillna(0).rank()
        + (2 * dip.clip(-1, 2)).rank(mask=universe & momentum.notnan())
    )
    best = combined.top(4, mask=universe & (rsi < 70))
    worst = combined.bottom(2, mask=universe)
    return Pipeline(
        columns=dict(
            combined=combined,
            best=best,
            worst=worst,
            rsi=rsi,
            dip=dip,
            down=MaxDrawdown(inputs=[USEquityPricing.close], window_length=30),
            beta=SimpleBeta(
                target=symbol("IRIS"), regression_length=50, allowed_missing_percentage=0.3
            ),
            above=VWAP(window_length=5) > middle,
        ),
        screen=best | worst,
    )


def initialize(context):
    attach_pipeline(make_pipeline(), "combo")


def handle_data(context, data):
    out = pipeline_output("combo")
    LOG.append(out)
    if get_open_orders():
        return
    weights = {}
    for asset, row in out.iterrows():
        if row["best"] and not row["worst"]:
            weights[asset] = 0.2
        elif row.worst:
            weights[asset] = -0.1 if row.beta > 0 else -0.05
    for asset in list(context.portfolio.positions.keys()):
        if asset not in weights and data.can_trade(asset):
            order_target_percent(asset, 0.0)
    for asset in weights:
        if data.can_trade(asset):
            order_target_percent(asset, weights[asset])
    record(mean_rsi=out.rsi.mean(), n=len(out))
