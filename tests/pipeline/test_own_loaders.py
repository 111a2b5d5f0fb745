"""Loaders of one's own, and names that are refused."""

import importlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rbtlive as rbt
from rbtlive.errors import NotBuilt
from rbtlive.pipeline import CustomFactor, Pipeline
from rbtlive.pipeline.data import Column, DataSet, USEquityPricing
from rbtlive.pipeline.factors import SimpleMovingAverage
from rbtlive.pipeline.loaders import DataFrameLoader, PipelineLoader
from tests.pipeline.test_engine import portal

START, END = "2016-02-01", "2016-02-12"


class Signal(DataSet):
    score = Column(float)
    rank = Column(float)


def baseline() -> pd.DataFrame:
    """Return a score a business day and sid: the day's number plus the sid."""
    days = pd.bdate_range("2016-01-04", "2016-02-29")
    sids = sorted(asset.sid for asset in portal().assets)
    values = np.arange(len(days))[:, None] * 100.0 + np.array(sids)[None, :]
    return pd.DataFrame(values, index=days, columns=sids)


class Doubled(PipelineLoader):
    """Gives twice the baseline, as an array."""

    def load_adjusted_array(self, domain, columns, dates, sids, mask):
        values = baseline().reindex(index=dates, columns=sids).to_numpy() * 2.0
        return {column: np.where(mask, values, np.nan) for column in columns}


def test_run_algorithm_takes_loaders_by_column():
    """The tables of a strategy hold what its loaders give, from zipline's argument."""
    seen: list[Any] = []

    def initialize(context):
        columns = {"score": Signal.score.latest, "rank": Signal.rank.latest}
        context.attach_pipeline(Pipeline(columns), "signals")

    def before_trading_start(context, data):
        seen.append(context.pipeline_output("signals"))

    rbt.run_algorithm(
        pd.Timestamp(START),
        pd.Timestamp(END),
        initialize,
        100_000,
        before_trading_start=before_trading_start,
        data=portal(),
        custom_loader={
            Signal.score: DataFrameLoader(Signal.score, baseline()),
            Signal.rank: Doubled(),
        },
    )

    assert len(seen) == 10
    first, expected = seen[0], baseline().loc["2016-02-01"]
    assert [asset.sid for asset in first.index] == sorted(asset.sid for asset in first.index)
    assert list(first["score"]) == [expected[asset.sid] for asset in first.index]
    assert list(first["rank"]) == [2.0 * expected[asset.sid] for asset in first.index]


def test_a_loader_is_used_in_windows_and_has_no_values_of_unlisted_assets():
    """A mean over loaded days leaves out those before an asset's listing."""
    mean = SimpleMovingAverage(inputs=[Signal.score], window_length=5)
    loader = {Signal.score: DataFrameLoader(Signal.score, baseline())}

    table = rbt.run_pipeline(Pipeline({"mean": mean}), START, END, portal(), loaders=loader)

    listed = table.filter(symbol="EE4").sort("date")  # from February 1st, seen on the 2nd
    sid = portal().asset("EE4").sid
    expected = baseline()[sid].loc["2016-02-02":"2016-02-08"].expanding().mean()
    assert listed["mean"].to_list()[:5] == expected.to_list()


def test_a_loader_of_another_size_or_kind_is_refused():
    """An error names the column, and the size that was expected."""

    class Short(PipelineLoader):
        def load_adjusted_array(self, domain, columns, dates, sids, mask):
            return {columns[0]: np.zeros((1, 1))}

    pipe = Pipeline({"score": Signal.score.latest})
    for loader, words in ((Short(), "days x 1"), (object(), "load_adjusted_array")):
        with pytest.raises(TypeError, match=words):
            rbt.run_pipeline(pipe, START, END, portal(), loaders={Signal.score: loader})


@pytest.mark.parametrize(
    ("module", "name", "remedy"),
    [
        ("filters", "QTradableStocksUS", "AverageDollarVolume"),
        ("filters", "Q500US", r"top\(500\)"),
        ("data", "DataSetFamily", "DataSet of each slice"),
        ("data", "Fundamentals", "use"),
        ("engine", "SimplePipelineEngine", "run_pipeline"),
        ("loaders", "USEquityPricingLoader", "run_pipeline"),
        ("hooks", "ProgressHooks", "explain"),
        ("experimental", "Q1500US", r"top\(1500\)"),
    ],
)
def test_what_is_not_built_is_refused_by_name(module: str, name: str, remedy: str):
    """Importing it says what to write instead; other names are missing as ever."""
    found = importlib.import_module(f"rbtlive.pipeline.{module}")

    with pytest.raises(NotBuilt, match=remedy):
        getattr(found, name)
    with pytest.raises(AttributeError, match="Nonsense"):
        found.Nonsense  # noqa: B018 - looking it up is the test


def test_windows_cannot_be_written_to():
    """A compute that writes to its input fails, and does not change what others see."""

    class Writes(CustomFactor):
        inputs = (USEquityPricing.close,)
        window_length = 2

        def compute(self, today, assets, out, close):
            close[:] = 1.0

    with pytest.raises(ValueError, match="read-only"):
        rbt.run_pipeline(Pipeline({"x": Writes()}), START, END, portal())
