"""A strategy as a class with methods, factory functions for factors, lambdas."""

from functools import reduce
from operator import add

import numpy as np
from zipline.api import (
    attach_pipeline,
    order_target_percent,
    pipeline_output,
    record,
    schedule_function,
)
from zipline.api import date_rules, time_rules
from zipline.pipeline import CustomClassifier, CustomFactor, Pipeline
from zipline.pipeline.data import EquityPricing
from zipline.pipeline.factors import Returns, RSI
from zipline.utils.math_utils import nanmean, nanstd
from zipline.pipeline.filters import All, AtLeastN, StaticSids

CASE = {
    "data": "bazaar_us",
    "start": "2016-08-29",
    "end": "2016-10-06",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []


def mean_reversion_over(days):
    class Reversion(CustomFactor):
        inputs = [EquityPricing.close]
        window_length = days
        window_safe = True

        def compute(self, today, assets, out, close):
            std = nanstd(close, axis=0)
            out[:] = (nanmean(close, axis=0) - close[-1]) / np.where(std == 0, np.nan, std)

    return Reversion


class PriceBand(CustomClassifier):
    inputs = [EquityPricing.close]
    window_length = 1
    dtype = np.int64
    missing_value = -9

    def compute(self, today, assets, out, close):
        out[:] = np.where(
            np.isnan(close[-1]), -9, np.digitize(np.nan_to_num(close[-1]), [5, 60, 120])
        )


class Strategy:
    name = "class"

    def __init__(self, lookbacks=(5, 10, 20)):
        self.factors = {f"rev{days}": mean_reversion_over(days)() for days in lookbacks}

    def pipeline(self):
        band = PriceBand()
        total = reduce(add, [factor.zscore(groupby=band) for factor in self.factors.values()])
        smooth = RSI(window_length=9)
        steady = All(inputs=[smooth > 20], window_length=3) & AtLeastN(
            inputs=[Returns(window_length=2) > 0], window_length=8, N=3
        )
        return Pipeline(
            columns={
                **self.factors,
                "total": total,
                "band": band,
                "steady": steady,
                "demeaned": total.demean(groupby=band),
                "odd": StaticSids([40, 61, 82, 103]),
                "mid": band.eq(2),
                "elements": band.element_of([1, 3]),
                "relabel": band.relabel(lambda x: x * 10) if False else band,
            },
            screen=total.notnull() & steady,
        )

    def initialize(self, context):
        attach_pipeline(self.pipeline(), self.name)
        schedule_function(self.trade, date_rules.every_day(), time_rules.market_open())

    def before_trading_start(self, context, data):
        self.table = pipeline_output(self.name)
        LOG.append(self.table)

    def trade(self, context, data):
        table = self.table
        weights = table["demeaned"] / table["demeaned"].abs().sum()
        gone = [asset for asset in context.portfolio.positions if asset not in weights.index]
        for asset in gone:
            order_target_percent(asset, 0)
        for asset, weight in weights.dropna().items():
            if abs(weight) > 0.01 and data.can_trade(asset):
                order_target_percent(asset, weight)
        record(gross=float(weights.abs().sum()), gone=len(gone))


STRATEGY = Strategy()
initialize = STRATEGY.initialize
before_trading_start = STRATEGY.before_trading_start
