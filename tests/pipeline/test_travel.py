"""Terms travel to the processes of a sweep, and are the same terms there."""

import copy
import pickle
import subprocess
import sys

import cloudpickle
import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.pipeline import CustomFactor, Factor, Pipeline
from rbtlive.pipeline.data import Column, DataSet, EquityPricing, USEquityPricing
from rbtlive.pipeline.domain import CA_EQUITIES, GENERIC, US_EQUITIES
from rbtlive.pipeline.factors import RSI, BollingerBands, Returns
from rbtlive.pipeline.filters import StaticSids


class Ratings(DataSet):
    score = Column(float)
    rank = Column(int, missing_value=-1)


TERMS = [
    USEquityPricing.close,
    EquityPricing.volume,
    EquityPricing.specialize(US_EQUITIES).low,
    Ratings.score,
    USEquityPricing.close.latest,
    Ratings.rank.latest,
    Returns(window_length=5),
    BollingerBands(window_length=5, k=2).upper,
    RSI().rank(ascending=False).zscore(),
    RSI().demean(groupby=Ratings.rank.latest),
    (Returns(window_length=3) * 2 > 0.5).if_else(RSI(), Returns(window_length=3)),
    Returns(window_length=5).top(3) & StaticSids([1, 2]),
    RSI().percentile_between(10, 90),
    RSI().quantiles(4, mask=RSI().notnull()),
    RSI().downsample("month_start"),
    RSI().alias("strength"),
    Factor.from_expr(pl.col("close").rolling_mean(3).over("symbol")),
]


@pytest.mark.parametrize("term", TERMS, ids=repr)
@pytest.mark.parametrize("library", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_a_term_comes_back_as_itself(term, library):
    assert pickle.loads(library.dumps(term)) is term


@pytest.mark.parametrize("what", [*TERMS, GENERIC, US_EQUITIES, CA_EQUITIES], ids=repr)
def test_a_copy_is_the_same(what):
    assert copy.copy(what) is copy.deepcopy(what) is what


@pytest.mark.parametrize(
    "what", [GENERIC, US_EQUITIES, CA_EQUITIES, EquityPricing, USEquityPricing]
)
def test_markets_and_data_sets_come_back_as_themselves(what):
    assert pickle.loads(pickle.dumps(what)) is pickle.loads(cloudpickle.dumps(what)) is what


def screened():
    class Spread(CustomFactor):  # a class of a cell travels as a whole
        inputs = (USEquityPricing.high, USEquityPricing.low)
        window_length = 4
        params = {"times": 2}  # noqa: RUF012 - zipline's way

        def compute(self, _today, _assets, out, high, low, times):
            out[:] = np.nanmean(high - low, axis=0) * times

    return Pipeline(
        {"spread": Spread(), "z": Spread().zscore()}, screen=Returns(window_length=3).top(2)
    )


RECEIVER = """
import pickle, sys
import rbtlive as rbt
pipe = pickle.load(sys.stdin.buffer)
table = rbt.run_pipeline(pipe, "2010-01-04", "2010-01-08", rbt.load_sample("us-daily"))
print(table.write_json())
"""


def test_a_pipeline_gives_the_same_in_another_process():
    pipe = screened()
    here = rbt.run_pipeline(pipe, "2010-01-04", "2010-01-08", rbt.load_sample("us-daily"))
    done = subprocess.run(
        [sys.executable, "-c", RECEIVER],
        input=cloudpickle.dumps(pipe),
        capture_output=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": ""},
    )

    assert done.stdout.decode().strip() == here.write_json(), done.stderr.decode()
