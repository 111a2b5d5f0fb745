"""Misuse as people write it, which zipline refuses when a pipeline is made or computed."""

import numpy as np
from zipline.pipeline import CustomClassifier, CustomFactor, Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.data.dataset import Column, DataSet
from zipline.pipeline.domain import GB_EQUITIES, GENERIC
from zipline.pipeline.factors import (
    RSI,
    AverageDollarVolume,
    PeerCount,
    Returns,
    SimpleMovingAverage,
)


class Company(DataSet):
    sector = Column(object, missing_value="")


class Multiplier(CustomFactor):
    inputs = [USEquityPricing.close]
    window_length = 5
    params = ("multiplier", "offset")

    def compute(self, today, assets, out, close, multiplier, offset):
        out[:] = close[-1] * multiplier + offset


class Bucket(CustomClassifier):
    inputs = [USEquityPricing.close]
    window_length = 1
    dtype = np.int64
    missing_value = -9999

    def compute(self, today, assets, out, close):
        out[:] = 1


def universe(asset):
    return AverageDollarVolume(window_length=15).percentile_between(25, 100)


def p_other_domain(asset):
    pipe = Pipeline({"c": USEquityPricing.close.latest}, domain=GB_EQUITIES)
    pipe.domain(default=GENERIC)
    return pipe


def p_add_twice(asset):
    pipe = Pipeline({"a": RSI()})
    pipe.add(RSI(), "a")
    return pipe


def p_screen_twice(asset):
    pipe = Pipeline(screen=USEquityPricing.close.latest > 1)
    pipe.set_screen(USEquityPricing.close.latest > 2)
    return pipe


def p_screen_of_numbers(asset):
    return Pipeline(screen=USEquityPricing.close.latest)


def p_column_compared(asset):
    return Pipeline(screen=USEquityPricing.close > 5)


def p_column_added(asset):
    return Pipeline({"x": USEquityPricing.close + 5})


def p_unknown_param(asset):
    return Pipeline({"x": Multiplier(multiplier=1, offset=2, other=3)})


def p_missing_param(asset):
    return Pipeline({"x": Multiplier(multiplier=1)})


def p_unhashable_param(asset):
    return Pipeline({"x": Multiplier(multiplier=[1], offset=1)})


def p_labels_compared(asset):
    return Pipeline({"x": Company.sector.latest == 5})


def p_labels_less(asset):
    return Pipeline({"x": Company.sector.latest < "b"})


def p_numbers_as_texts(asset):
    return Pipeline({"x": Bucket().startswith("a")})


def p_missing_among_choices(asset):
    return Pipeline({"x": Bucket().element_of([1, -9999])})


def p_mixed_choices(asset):
    return Pipeline({"x": Company.sector.latest.element_of(["a", 1])})


def p_mask_of_numbers(asset):
    return Pipeline({"x": Returns(window_length=2).demean(mask=RSI())})


def p_bad_frequency(asset):
    return Pipeline({"x": Returns(window_length=2).downsample("daily")})


def p_returns_of_one_day(asset):
    return Pipeline({"x": Returns(window_length=1)})


def p_two_inputs(asset):
    return Pipeline(
        {
            "x": SimpleMovingAverage(
                inputs=[USEquityPricing.close, USEquityPricing.open], window_length=3
            )
        }
    )


def p_peers_of_two_days(asset):
    return Pipeline({"x": PeerCount(inputs=[Bucket()], window_length=2)})


def p_wrong_if_else(asset):
    return Pipeline({"x": universe(asset).if_else(RSI(), Bucket())})


def p_fill_with_column(asset):
    return Pipeline({"x": RSI().fillna(USEquityPricing.close)})


def p_fill_with_text(asset):
    return Pipeline({"x": RSI().fillna("none")})


def p_sliced_by_text(asset):
    return Pipeline({"x": RSI() - RSI()["AA0"]})


def p_sliced_column(asset):
    return Pipeline({"x": RSI() - USEquityPricing.close[asset("AA0")]})


def p_sliced_not_listed(asset):
    return Pipeline({"x": RSI() - RSI()[asset("PP15")]})


def p_wrong_compute(asset):
    class Wrong(CustomFactor):
        inputs = [USEquityPricing.close]
        window_length = 2

        def compute(self, today, assets, out):
            out[:] = 1.0

    return Pipeline({"x": Wrong()})


def p_no_compute(asset):
    class Silent(CustomFactor):
        inputs = [USEquityPricing.close]
        window_length = 2

    return Pipeline({"x": Silent()})


def p_wrong_shape(asset):
    class Wide(CustomFactor):
        inputs = [USEquityPricing.close]
        window_length = 2

        def compute(self, today, assets, out, close):
            out[:] = close[:, :3]

    return Pipeline({"x": Wide()})


def p_negative_window(asset):
    return Pipeline({"x": SimpleMovingAverage(inputs=[USEquityPricing.close], window_length=-3)})


def p_param_taken(asset):
    class Taken(CustomFactor):
        inputs = [USEquityPricing.close]
        window_length = 2
        params = ("dtype_",)
        dtype_ = 3

    return Pipeline({"x": Taken()})
