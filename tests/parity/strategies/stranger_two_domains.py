"""Columns of two countries in one pipeline."""

from zipline.api import attach_pipeline, pipeline_output
from zipline.pipeline import Pipeline
from zipline.pipeline.data import EquityPricing, USEquityPricing
from zipline.pipeline.domain import GB_EQUITIES

CASE = {
    "data": "bazaar_us",
    "start": "2016-08-08",
    "end": "2016-08-12",
    "error": "AmbiguousDomain",
    "default_safe": True,
}
LOG = []


def initialize(context):
    pipe = Pipeline(
        {
            "us": USEquityPricing.close.latest,
            "gb": EquityPricing.close.specialize(GB_EQUITIES).latest,
        }
    )
    attach_pipeline(pipe, "both")
    LOG.append("attached")


def before_trading_start(context, data):
    LOG.append(len(pipeline_output("both")))
