"""A pipeline of one country made of another's columns."""

from zipline.api import attach_pipeline, pipeline_output
from zipline.pipeline import Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.domain import GB_EQUITIES

CASE = {
    "data": "bazaar_us",
    "start": "2016-08-08",
    "end": "2016-08-12",
    "error": "ValueError",
    "default_safe": True,
}
LOG = []


def initialize(context):
    pipe = Pipeline({"us": USEquityPricing.close.latest}, domain=GB_EQUITIES)
    LOG.append("made")
    attach_pipeline(pipe, "both")
    LOG.append("attached")


def handle_data(context, data):
    LOG.append(len(pipeline_output("both")))
