"""Loaders from a dictionary that makes them on demand, as people write for fundamentals."""

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
from zipline.pipeline import Pipeline
from zipline.pipeline.data import Column, DataSet, EquityPricing
from zipline.pipeline.factors import SimpleMovingAverage
from zipline.pipeline.loaders.frame import DataFrameLoader

CASE = {
    "data": "bazaar_us",
    "start": "2016-08-29",
    "end": "2016-10-06",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []
SIDS = [40 + 7 * number for number in range(14)]
DAYS = pd.bdate_range("2016-06-01", "2016-12-30")


class Fundamentals(DataSet):
    roe = Column(float)
    pe = Column(dtype=float, missing_value=np.nan)
    sector = Column(object, missing_value="none")


class LoaderDict(dict):
    def __missing__(self, column):
        key = column.unspecialize()
        values = (
            (np.arange(len(DAYS))[:, None] // 7 * 31 + np.arange(14)[None, :] * 17) % 101 / 10.0
        )
        if key.name == "pe":
            values = np.where(values > 8, np.nan, 1 / (1 + values))
        if key.name == "sector":
            values = np.array(["a", "b", "none"], dtype=object)[values.astype(int) % 3]
        self[column] = DataFrameLoader(column, pd.DataFrame(values, index=DAYS, columns=SIDS))
        return self[column]


DATA_SETS = [Fundamentals]
CUSTOM_LOADER = LoaderDict(never_asked=None)


def initialize(context):
    roe, pe = Fundamentals.roe.latest, Fundamentals.pe.latest
    sector = Fundamentals.sector.latest
    score = roe.zscore(groupby=sector) - pe.rank(mask=pe.notnull()).zscore()
    pipe = Pipeline(
        {
            "score": score,
            "sector": sector,
            "slow": SimpleMovingAverage(inputs=[Fundamentals.pe], window_length=5),
            "close": EquityPricing.close.latest,
        },
        screen=score.notnull() & ~sector.isnull(),
    )
    attach_pipeline(pipe, "fundamentals")
    schedule_function(trade, date_rules.every_day(), time_rules.market_open())


def before_trading_start(context, data):
    context.out = pipeline_output("fundamentals")
    LOG.append(context.out)


def trade(context, data):
    top = context.out.groupby("sector")["score"].nlargest(2).index.get_level_values(-1)
    for asset in set(context.portfolio.positions) - set(top):
        order_target_percent(asset, 0)
    for asset in top:
        order_target_percent(asset, 0.9 / len(top))
