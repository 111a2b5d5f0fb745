"""Pipelines that zipline refuses, when they are made or when they are computed."""

import numpy as np

from zipline.pipeline import CustomClassifier, CustomFactor, Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import Returns, SimpleMovingAverage

close = USEquityPricing.close


def p_unsafe_window(asset):
    return Pipeline(
        {
            "x": SimpleMovingAverage(
                inputs=[SimpleMovingAverage(inputs=[close], window_length=2)], window_length=2
            )
        }
    )


def p_unsafe_latest(asset):
    return Pipeline({"x": SimpleMovingAverage(inputs=[close.latest], window_length=2)})


def p_tied_quantiles(asset):
    return Pipeline({"x": (close.latest * 0.0).quantiles(3)})


def p_no_window(asset):
    return Pipeline({"x": SimpleMovingAverage(inputs=[close])})


def p_no_inputs(asset):
    return Pipeline({"x": SimpleMovingAverage(window_length=3)})


def p_zero_window(asset):
    return Pipeline({"x": SimpleMovingAverage(inputs=[close], window_length=0)})


def p_bad_rank(asset):
    return Pipeline({"x": close.latest.rank(method="best")})


def p_bad_percentiles(asset):
    return Pipeline({"x": close.latest.percentile_between(60, 50)})


def p_column_itself(asset):
    return Pipeline({"x": close})


def p_divided_by_zero(asset):
    return Pipeline({"x": close.latest / 0})


def p_one_dimension(asset):
    return Pipeline({"x": Returns(window_length=2)[asset("AA0")]})


def p_incompatible(asset):
    a, b = Returns(window_length=2), Returns(window_length=2, mask=close.latest > 50.0)
    return Pipeline({"x": a.pearsonr(b, correlation_length=4)})


def p_bad_winsorize(asset):
    return Pipeline({"x": close.latest.winsorize(0.9, 0.2)})


def p_taken_output(asset):
    class Bad(CustomFactor):
        inputs = [USEquityPricing.close]
        outputs = ["mask"]
        window_length = 1

    return Pipeline({"x": Bad().mask})


def p_no_outputs(asset):
    class Bad(CustomFactor):
        inputs = [USEquityPricing.close]
        outputs = []
        window_length = 1

    return Pipeline({"x": Bad()})


def p_bad_dtype(asset):
    class Bad(CustomFactor):
        inputs = [USEquityPricing.close]
        window_length = 1
        dtype = bool

    return Pipeline({"x": Bad()})


def p_not_a_dtype(asset):
    class Bad(CustomFactor):
        inputs = [USEquityPricing.close]
        window_length = 1
        dtype = "no such"

    return Pipeline({"x": Bad()})


def p_no_terms_as_inputs(asset):
    return Pipeline({"x": SimpleMovingAverage(inputs=["close"], window_length=3)})


def p_no_missing_value(asset):
    class Bad(CustomClassifier):
        inputs = [USEquityPricing.close]
        window_length = 1
        dtype = np.int64

    return Pipeline({"x": Bad()})
