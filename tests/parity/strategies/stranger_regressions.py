"""Rolling regressions and correlations with one asset and with other terms."""

import numpy as np
from zipline.api import attach_pipeline, order_target_percent, pipeline_output, sid, record
from zipline.pipeline import Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import (
    Returns,
    RollingLinearRegressionOfReturns,
    RollingPearsonOfReturns,
    RollingSpearmanOfReturns,
    SimpleBeta,
)
from zipline.pipeline.filters import StaticAssets

CASE = {
    "data": "bazaar_us",
    "start": "2016-09-26",
    "end": "2016-10-06",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []


def make_pipeline(market):
    reg = RollingLinearRegressionOfReturns(target=market, returns_length=3, regression_length=30)
    returns = Returns(window_length=2)
    pearson = RollingPearsonOfReturns(target=market, returns_length=2, correlation_length=20)
    vs_term = Returns(window_length=5).linear_regression(
        target=Returns(window_length=5)[market], regression_length=15
    )
    some = ~StaticAssets([market])
    ranks = returns.rank()
    return Pipeline(
        columns={
            "alpha": reg.alpha,
            "beta": reg.beta,
            "r": reg.r_value,
            "p": reg.p_value,
            "err": reg.stderr,
            "pearson": pearson,
            "spearman": RollingSpearmanOfReturns(
                target=market, returns_length=4, correlation_length=12, mask=some
            ),
            "beta2": vs_term.beta,
            "ranked": ranks.pearsonr(target=ranks[market], correlation_length=10),
            "spear2": returns.spearmanr(returns[market], 9),
            "simple": SimpleBeta(market, 25),
            "residual": returns - reg.beta * returns[market],
        },
        screen=some & reg.beta.notnull(),
    )


def initialize(context):
    context.market = sid(68 + 7 * 5)
    attach_pipeline(make_pipeline(context.market), "regressions")


def before_trading_start(context, data):
    context.table = pipeline_output("regressions")
    LOG.append(context.table)


def handle_data(context, data):
    table = context.table
    hedge = 0.0
    for asset in table.index:
        weight = (
            float(np.clip(-table.at[asset, "residual"] * 5, -0.1, 0.1))
            if not np.isnan(table.loc[asset, "residual"])
            else 0.0
        )
        if data.can_trade(asset):
            order_target_percent(asset, weight)
            hedge -= weight * table.loc[asset].beta
    if data.can_trade(context.market):
        order_target_percent(context.market, max(min(hedge, 0.5), -0.5))
    record(hedge=hedge, longest=table["p"].idxmin().sid if len(table["p"].dropna()) else -1)
