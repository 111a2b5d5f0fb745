"""A PipelineLoader of one's own, with adjustments, for two columns at once."""

import numpy as np
from zipline.api import attach_pipeline, order_target_percent, pipeline_output
from zipline.lib.adjusted_array import AdjustedArray
from zipline.lib.adjustment import Float64Multiply, Float64Overwrite
from zipline.pipeline import CustomFactor, Pipeline
from zipline.pipeline.data import Column, DataSet
from zipline.pipeline.domain import US_EQUITIES
from zipline.pipeline.factors import SimpleMovingAverage
from zipline.pipeline.loaders.base import PipelineLoader

CASE = {
    "data": "bazaar_us",
    "start": "2016-08-29",
    "end": "2016-10-06",
    "quirks": ["target_ignores_open_orders"],
}
LOG = []


class Sentiment(DataSet):
    score = Column(float, missing_value=np.nan)
    count = Column(float, missing_value=0.0)
    domain = US_EQUITIES


class SentimentLoader(PipelineLoader):
    def load_adjusted_array(self, domain, columns, dates, sids, mask):
        day = (dates.day_of_year.values[:, None] * 13 + np.asarray(sids)[None, :]) % 29
        out = {}
        for column in columns:
            values = (
                np.where(mask, day / 7.0, column.missing_value)
                if column.name == "score"
                else day.astype(float)
            )
            adjustments = {}
            for row in range(len(dates)):
                if dates[row].day == 15:
                    adjustments[row] = [
                        Float64Multiply(0, row, at, at, 0.5)
                        for at, one in enumerate(sids)
                        if one % 3 == 0
                    ] + [
                        Float64Overwrite(row, row, at, at, 9.0)
                        for at, one in enumerate(sids)
                        if one % 5 == 0
                    ]
            out[column] = AdjustedArray(values, adjustments, column.missing_value)
        return out


LOADER = SentimentLoader()
DATA_SETS = [Sentiment]
CUSTOM_LOADER = {column: LOADER for column in Sentiment.columns}


class Change(CustomFactor):
    inputs = [Sentiment.score, Sentiment.count]
    window_length = 6

    def compute(self, today, assets, out, score, count):
        with np.errstate(all="ignore"):
            out[:] = np.nanmean(score * count, axis=0) / np.nanmean(count, axis=0) - score[0]


def initialize(context):
    mean = SimpleMovingAverage(inputs=[Sentiment.score], window_length=4)
    attach_pipeline(
        Pipeline(
            {
                "mean": mean,
                "change": Change(),
                "last": Sentiment.count.latest,
                "top": mean.top(3),
                "ok": (mean > 1.0) & ~Change().isnull(),
            }
        ),
        "sentiment",
    )


def before_trading_start(context, data):
    context.out = pipeline_output("sentiment")
    LOG.append(context.out)


def handle_data(context, data):
    for asset in context.out[context.out.top & context.out.ok].index:
        order_target_percent(asset, 0.2)
    for asset in context.portfolio.positions:
        if not context.out["top"].get(asset, False):
            order_target_percent(asset, 0)
