"""Loaders of one's own, and names that are refused."""

import importlib
import importlib.util
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rbtlive as rbt
from rbtlive.errors import NotBuilt, WindowLengthNotPositive, WindowLengthTooLong
from rbtlive.lib.adjusted_array import AdjustedArray
from rbtlive.lib.adjustment import Float64Add, Float64Multiply, Float64Overwrite
from rbtlive.pipeline import CustomFactor, Pipeline
from rbtlive.pipeline.data import Column, DataSet, USEquityPricing
from rbtlive.pipeline.factors import DailyReturns, SimpleMovingAverage
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
        ("data.dataset", "DataSetFamily", "DataSet of each slice"),
        ("loaders.earnings_estimates", "NextEarningsEstimatesLoader", "use"),
        ("loaders.events", "EventsLoader", "use"),
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


@pytest.mark.parametrize(
    ("module", "remedy"),
    [
        ("quantopian", "write rbtlive in its place"),
        ("quantopian.pipeline.data.builtin", "write rbtlive in its place"),
        ("rbtlive.pipeline.data.psychsignal", "with the columns symbol, timestamp"),
        ("rbtlive.pipeline.data.factset.estimates", "with the columns symbol, timestamp"),
        ("rbtlive.pipeline.classifiers.morningstar", "with the columns symbol, timestamp"),
        ("rbtlive.pipeline.filters.morningstar", r"top\(1500\)"),
        ("rbtlive.interactive.data.sentdex", "with the columns symbol, timestamp"),
        ("rbtlive.optimize", "order_target_percents"),
    ],
)
def test_a_module_of_quantopian_says_what_to_write(module: str, remedy: str):
    with pytest.raises(
        ModuleNotFoundError, match=f"No module named '{module.split('.', maxsplit=1)[0]}.*{remedy}"
    ):
        importlib.import_module(module)


def test_other_modules_are_missing_as_ever():
    for module in ("rbtlive.pipeline.nonsense", "rbtlive.nonsense", "quantopia"):
        assert importlib.util.find_spec(module) is None


def test_quantopians_own_paths_lead_to_the_same_names():
    """With quantopian replaced by rbtlive."""
    builtin = importlib.import_module("rbtlive.pipeline.data.builtin")
    algorithm = importlib.import_module("rbtlive.algorithm")

    assert builtin.USEquityPricing is USEquityPricing
    assert algorithm.attach_pipeline is rbt.api.attach_pipeline
    with pytest.raises(NotBuilt, match="order_target_percents"):
        algorithm.order_optimal_portfolio  # noqa: B018 - looking it up is the test
    with pytest.raises(AttributeError, match="nonsense"):
        algorithm.nonsense  # noqa: B018 - likewise


def test_a_currency_is_refused_by_name():
    with pytest.raises(NotBuilt, match=r"close\.fx is not built: there is one currency"):
        USEquityPricing.close.fx("EUR")


def test_what_a_compute_writes_into_its_windows_is_seen_by_nobody_else():
    """As in zipline, windows are its own: the next day's hold what was loaded."""

    class Writes(CustomFactor):
        inputs = (USEquityPricing.close,)
        window_length = 3

        def compute(self, today, assets, out, close):
            out[:] = close.sum(axis=0)
            close[:] = 1.0
            out[:] += close.sum(axis=0)

    class Reads(Writes):
        def compute(self, today, assets, out, close):
            out[:] = close.sum(axis=0) + 3.0

    table = rbt.run_pipeline(Pipeline({"w": Writes(), "r": Reads()}), START, END, portal())

    assert table["w"].equals(table["r"])
    assert table["w"].is_not_nan().any()


def test_windows_of_one_asset_cannot_be_written_to():
    """As in zipline, an input of one column is no copy; writing to it fails."""

    class Writes(CustomFactor):
        inputs = (DailyReturns()[portal().asset("AA0")],)
        window_length = 3

        def compute(self, today, assets, out, returns):
            returns[:] = 1.0

    with pytest.raises(ValueError, match="read-only"):
        rbt.run_pipeline(Pipeline({"x": Writes()}), START, END, portal())


class Revised(PipelineLoader):
    """Gives ten a day and sid, changed on the third row by each kind of adjustment."""

    def load_adjusted_array(self, domain, columns, dates, sids, mask):
        changes = [
            Float64Multiply(0, 1, 0, 0, 2.0),
            Float64Add(1, 2, 1, 2, 0.5),
            Float64Overwrite(0, 0, 3, 3, 7.0),
        ]
        data = np.full((len(dates), len(sids)), 10.0)
        return {columns[0]: AdjustedArray(data, {2: changes}, np.nan)}


def test_a_loader_adjusts_by_factor_summand_and_value():
    """The rows that are named change, as seen from the row they are filed under on."""

    class Windows(CustomFactor):
        inputs = (Signal.score,)
        window_length = 3

        def compute(self, today, assets, out, score):
            out[:] = score.T @ [100.0, 10.0, 1.0]

    pipe = Pipeline({"x": Windows()})
    table = rbt.run_pipeline(pipe, START, END, portal(), loaders={Signal.score: Revised()})

    listed = table.partition_by("date")
    assert listed[0]["x"].to_list()[:5] == [2210.0, 1115.5, 1115.5, 810.0, 1110.0]
    assert listed[1]["x"].to_list()[:5] == [2110.0, 1165.0, 1165.0, 1110.0, 1110.0]


def test_an_adjusted_array_says_which_windows_it_cannot_have():
    """zipline's errors, where zipline raises them."""
    array = AdjustedArray(np.arange(6.0).reshape(3, 2), {2: [Float64Add(0, 1, 0, 0, 1.0)]}, np.nan)

    windows = [window.tolist() for window in array.traverse(2)]

    assert windows == [[[0.0, 1.0], [2.0, 3.0]], [[3.0, 3.0], [4.0, 5.0]]]
    with pytest.raises(WindowLengthTooLong, match="at most 3"):
        array.traverse(4)
    with pytest.raises(WindowLengthNotPositive, match="at least 1"):
        array.traverse(0)
    with pytest.raises(ValueError, match="first_row"):
        Float64Add(3, 1, 0, 0, 1.0)


@pytest.mark.parametrize("name", ["to_execution_plan", "to_simple_graph"])
def test_what_shows_ziplines_inner_plan_says_what_shows_ours(name: str):
    """They are public in zipline, and of no use without its engine."""
    pipe = Pipeline({"returns": DailyReturns()})

    with pytest.raises(NotBuilt, match=rf"{name} is not built: pipe\.explain"):
        getattr(pipe, name)("US", start_date="2015-01-02", end_date="2015-02-02")


class OnDemand(dict[Any, Any]):
    """Makes a column's loader when it is asked for, and none for other data sets."""

    def __missing__(self, column: Any) -> Any:
        if column.dataset.root is not Signal:
            raise KeyError(column)
        self[column] = DataFrameLoader(column, baseline() + len(self))
        return self[column]


def test_a_dict_that_makes_loaders_is_asked_for_each_column_but_bars():
    """`__missing__` is called as zipline calls it; an unknown column is still refused."""
    loaders = OnDemand()

    class Other(DataSet):
        value = Column(float)

    found = rbt.run_pipeline(
        Pipeline({"score": Signal.score.latest, "close": USEquityPricing.close.latest}),
        START,
        START,
        portal(),
        loaders=loaders,
    )

    assert list(loaders) == [Signal.score]
    assert found["score"].null_count() == found["close"].null_count() == 0
    with pytest.raises(NotBuilt, match=r"Other\.value has no values"):
        rbt.run_pipeline(
            Pipeline({"x": Other.value.latest}), START, START, portal(), loaders=loaders
        )


def test_a_data_set_has_its_columns_as_an_attribute():
    """As in zipline, for those that make a loader a column."""
    assert Signal.columns == {Signal.score, Signal.rank}
    assert USEquityPricing.close in USEquityPricing.columns
    assert (Signal.qualname, USEquityPricing.qualname) == ("Signal", "EquityPricing<US>")
