"""Pipelines of operators, functions, comparisons, summaries and borders, written for
zipline.
"""

import numpy as np
from zipline.pipeline import CustomFactor, Pipeline
from zipline.pipeline.data import EquityPricing, USEquityPricing
from zipline.pipeline.domain import US_EQUITIES
from zipline.pipeline.factors import (
    EWMA,
    RSI,
    AnnualizedVolatility,
    AverageDollarVolume,
    BollingerBands,
    FastStochasticOscillator,
    MaxDrawdown,
    Returns,
    SimpleMovingAverage,
)

close = USEquityPricing.close
SPANS = {"p_across_splits": ("2016-03-02", "2016-03-24")}


class TenDayMeanDifference(CustomFactor):
    inputs = [USEquityPricing.close, USEquityPricing.open]
    window_length = 10

    def compute(self, today, asset_ids, out, close, open):
        out[:] = np.nanmean(close, axis=0) - np.nanmean(open, axis=0)


def universe(asset):
    return AverageDollarVolume(window_length=15).percentile_between(25, 100)


def p_arithmetic(asset):
    a, b = USEquityPricing.high.latest, USEquityPricing.low.latest
    return Pipeline(
        {
            "add": a + b,
            "sub": 1 - a,
            "mul": a * b * 2,
            "div": a / b / 3.0,
            "rdiv": 100 / a,
            "pow": (a / b) ** 2,
            "rpow": 2 ** (a / b),
            "negbase": (-2) ** (a / b),
            "mod": a % 7,
            "rmod": 97.5 % b,
            "negmod": (-a) % 7,
            "neg": -(a - b),
            "nested": ((a + b) / 2 - a) / (a - b + 0.01),
        }
    )


def p_functions(asset):
    x = Returns(window_length=4)
    names = (
        "sin",
        "cos",
        "tan",
        "arcsin",
        "arctan",
        "sinh",
        "tanh",
        "arcsinh",
        "exp",
        "expm1",
        "log1p",
        "abs",
    )
    columns = {name: getattr(x, name)() for name in names}
    return Pipeline(
        {**columns, "log": close.latest.log(), "sqrt": x.sqrt(), "log10": close.latest.log10()}
    )


def p_comparisons(asset):
    r = Returns(window_length=3)
    z = r.zscore()
    return Pipeline(
        {
            "lt": r < 0.0,
            "le": r <= z,
            "gt": r < 0.01,
            "ge": r >= 0.01,
            "ne": r != z,
            "self": r != r,
            "eq": r.eq(r),
            "nan": r.isnan(),
            "notnan": r.notnan(),
            "finite": (1.0 / (r - r)).isfinite(),
            "null": r.isnull(),
            "notnull": r.notnull(),
        }
    )


def p_logic(asset):
    a, b = Returns(window_length=2) > 0, close.latest > 60.0
    return Pipeline(
        {"and": a & b, "or": a | b, "not": ~a, "mix": ~(a & ~b) | (b & ~a)}, screen=~(a & b)
    )


def p_summaries(asset):
    returns = Returns(window_length=3)
    base = universe(asset)
    return Pipeline(
        {
            "excess": returns - returns.mean(mask=base),
            "z": (returns - returns.mean()) / returns.stddev(),
            "share": USEquityPricing.volume.latest / USEquityPricing.volume.latest.sum(),
            "rel": returns / returns.max(),
            "low": returns - returns.min(mask=base),
            "mid": returns > returns.median(),
            "count": returns * returns.notnull_count(),
        }
    )


def p_across_splits(asset):
    return Pipeline(
        {
            "rsi": RSI(window_length=6),
            "bands": BollingerBands(window_length=8, k=2).upper,
            "vol": AnnualizedVolatility(window_length=10),
            "ewma": EWMA(inputs=[USEquityPricing.open], window_length=6, decay_rate=0.9),
            "fso": FastStochasticOscillator(window_length=6),
            "volume": SimpleMovingAverage(inputs=[USEquityPricing.volume], window_length=6),
            "custom": TenDayMeanDifference(window_length=5),
            "drop": MaxDrawdown(inputs=[USEquityPricing.close], window_length=9),
        }
    )


def p_us_domain(asset):
    return Pipeline({"c": EquityPricing.close.latest}, domain=US_EQUITIES)


def p_top_none(asset):
    returns = Returns(window_length=3)
    return Pipeline({"none": returns.top(0), "all": returns.top(100), "many": returns.bottom(16)})


def p_too_many_quantiles(asset):
    return Pipeline({"x": Returns(window_length=3).quantiles(40)})


def p_quantiles_in_screen(asset):
    quintile = Returns(window_length=10).quintiles()
    return Pipeline({"q": quintile}, screen=quintile.eq(4) | quintile.eq(0))


def p_same_term_twice(asset):
    returns = Returns(window_length=6)
    return Pipeline(
        {"a": returns, "b": returns, "c": returns.rank(), "d": returns.rank()}, screen=returns > 0
    )
