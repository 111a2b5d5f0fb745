"""What parameters may be, and how they are shown."""

import enum
import itertools
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import optuna
import polars as pl
import pytest
import scipy.stats

import rbtlive as rbt
from rbtlive.errors import InvalidSetting, RbtliveWarning, SweepTooLarge
from tests.research.sweeping.sweeps import Cross, sweep


class Mode(enum.Enum):
    CALM = 1
    WILD = 2


class Anything(Cross):
    """Takes a parameter of any kind, and those that others use for their columns."""

    what, n, row, mean = None, 2, 0, 0
    seen = ()

    def initialize(self, context):
        super().initialize(context)
        if isinstance(self.seen, list):
            self.seen.append(1)

    def handle_data(self, context, data):
        super().handle_data(context, data)
        self.record(seen=len(self.seen))


def swept(values, **options):
    return sweep(Anything, {"what": values}, **options)


@pytest.mark.parametrize(
    ("values", "dtype", "shown"),
    [
        (np.arange(3), pl.Int64, [0, 1, 2]),
        (np.int64(3), pl.Int64, [3]),
        (np.array(3), pl.Int64, [3]),
        (pl.Series([1, 2]), pl.Int64, [1, 2]),
        ((i for i in (1, 2)), pl.Int64, [1, 2]),
        (np.array(["2020-01-01"], dtype="datetime64[ns]"), pl.Datetime, None),
        (np.array([60 * 10**9], dtype="timedelta64[ns]"), pl.Duration, [timedelta(minutes=1)]),
        ([date(2020, 1, 1), date(2019, 1, 1)], pl.Date, [date(2020, 1, 1), date(2019, 1, 1)]),
        ([Decimal(9), Decimal(10)], pl.Float64, [9.0, 10.0]),
        (Mode, pl.String, ["CALM", "WILD"]),
        ([lambda v: v, lambda v: v + 1], pl.String, ["<lambda>", "<lambda> #2"]),
        ([None, {"a": 1}], pl.String, [None, "{'a': 1}"]),
    ],
)
def test_values_of_any_kind_are_swept_and_shown(values, dtype, shown):
    found = swept(values)

    column = found.frame["what"]
    assert found.errors.is_empty()
    assert column.dtype == dtype
    assert shown is None or column.to_list() == shown


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": 1, "b": 2}, "was a dict; put it into a list if it is one value"),
        (pl.DataFrame({"a": [1]}), "was a DataFrame.*one of its columns"),
        (np.zeros((2, 2)), "was a ndarray"),
        (scipy.stats.randint, r"with its arguments.*scipy\.stats\.randint\(5, 50\)"),
    ],
)
def test_what_is_no_list_of_values_is_refused(values, message):
    with pytest.raises(InvalidSetting, match=message):
        swept(values)


@pytest.mark.parametrize(
    ("values", "count"),
    [
        (itertools.count(), "more than 1,000,000"),
        (range(10**12), "1,000,000,000,000"),
        (range(10**20), "more than 1,000,000"),
        (np.arange(1_000_001), "1,000,001"),
    ],
)
def test_values_without_end_are_refused_by_their_number_without_being_made(values, count):
    with pytest.raises(SweepTooLarge, match=f"'what' has {count} values"):
        swept(values)


def test_equal_values_of_one_type_run_once_and_it_is_said():
    with pytest.warns(RbtliveWarning, match="each of the 3 different ones is run once"):
        found = swept([3, 3, 3.0, True, 3])

    assert [row.params.what for row in found] == [3, 3.0, True]
    assert [type(row.params.what) for row in found] == [int, float, bool]


def test_a_value_that_a_run_changes_is_as_it_was_in_the_next():
    given = []

    found = sweep(
        Anything,
        {"seen": [given], "fast": [2, 3]},
        maximize=lambda run: float(run.performance["seen"][-1]),
    )

    assert given == []
    assert found.frame["objective"].to_list() == [1.0, 1.0]
    assert found.best.result().performance["seen"][-1] == 1.0
    assert found.best.params.seen == []


@pytest.mark.parametrize("name", ["n", "mean", "row", "what"])
def test_a_parameter_may_have_any_name(name):
    found = sweep(Anything, {name: [1, 2], "fast": [2, 3]})

    assert found.sensitivity().height == 2
    assert found.plateaus().height == 4
    assert found.pivot(name, "fast").height == 2
    assert found.pareto.height > 0


@pytest.mark.parametrize(
    "values", [[True, False], [None, 1e-05, 1e10], [None, "a"], [Decimal("0.1"), Decimal(2)]]
)
def test_a_heatmap_has_a_column_a_value(values):
    found = sweep(Anything, {"what": values, "fast": [2, 3]})

    table = found.pivot("what", "fast")

    assert table.width == 1 + len(values)
    assert table.drop("fast").null_count().sum_horizontal()[0] == 0
    assert len(found.heatmap("what", "fast").data[0].x) == len(values)


def test_the_best_value_of_a_minimised_metric_is_the_lowest():
    found = sweep(maximize="-annual_volatility", params={"fast": [2, 3, 5]})

    assert found.sensitivity()["best_value"].to_list() == [str(found.best.params.fast)]


@pytest.mark.parametrize(
    "values",
    [[Decimal("0.1"), Decimal(2)], [(1, 2), (3, 4)], [date(2020, 1, 1), date(2021, 1, 1)]],
)
def test_a_search_takes_values_that_its_storage_cannot_keep(values, tmp_path):
    options = {"method": "optuna", "n": 3, "seed": 1, "store": tmp_path / "s.sqlite"}

    first = swept(values, **options)
    again = swept(values, **{**options, "n": 5})

    assert all(row.params.what in values for row in again)
    assert [row.params for row in again][:3] == [row.params for row in first]


def test_a_sampler_that_has_tried_everything_ends_the_search():
    sampler = optuna.samplers.GridSampler({"fast": [2, 3]})

    found = sweep(params={"fast": [2, 3]}, method=sampler, n=10)

    assert sorted(found.frame["fast"].to_list()) == [2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": optuna.samplers.TPESampler}, r"the class TPESampler.*method=TPESampler\(\)"),
        ({"seed": -1}, "seed of sweep"),
        ({"verify": -1}, "verify of sweep"),
        ({"workers": -1}, "leave it out, or pass .* for every processor"),
        ({"maximize": lambda run, params: 1.0}, "must take one argument, the run"),
        ({"maximize": "Sharpe Ratio"}, "write 'sharpe'"),
        ({"maximize": "Max. Drawdown [%]"}, "write 'max_drawdown'"),
        ({"maximize": "-max_drawdown"}, "deepest drawdown.*write 'max_drawdown'"),
        ({"maximize": ["sharpe", "-max_drawdown"]}, "deepest drawdown.*write 'max_drawdown'"),
        ({"maximize": "weather"}, "anything else of a result is a function"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(options, message):
    with pytest.raises(InvalidSetting, match=message):
        sweep(**options)


def test_numbers_of_numpy_are_numbers():
    assert len(sweep(n=np.int64(6), workers=np.int64(1), seed=np.int64(1))) == 6


def test_the_set_that_where_fails_on_is_named():
    with pytest.raises(ZeroDivisionError) as caught:
        sweep(where=lambda p: 1 / (p.fast - 3))

    assert "where= failed for the parameters {'fast': 3, 'slow': 4}" in caught.value.__notes__


@pytest.mark.parametrize("number", ["fast", slice(0, 2), 1.0, True])
def test_a_row_is_taken_by_a_number_only(number):
    with pytest.raises(TypeError, match="a row is taken by its number in frame"):
        sweep(params={"fast": [2, 3]})[number]


def test_the_runs_that_no_other_beats_are_found_among_many():
    from rbtlive.research.sweeping.objectives import pareto

    draw = np.random.default_rng(1)
    scores = [*np.round(draw.normal(size=(300, 2)), 1).tolist(), [float("-inf"), 9.0]]

    expected = [
        i
        for i, row in enumerate(scores[:-1])
        if not any(
            other[0] >= row[0] and other[1] >= row[1] and other != row for other in scores[:-1]
        )
    ]

    assert pareto(scores) == expected
    assert pareto([]) == []


@pytest.mark.parametrize(
    "failure", [SystemExit, GeneratorExit, type("Panic", (BaseException,), {})]
)
def test_whatever_a_run_raises_ends_that_run_only(failure):
    class Leaves(Cross):
        def handle_data(self, context, data):
            if self.fast == 3:
                raise failure("over")
            super().handle_data(context, data)

    found = sweep(Leaves)

    assert found.errors["fast"].to_list() == [3, 3]
    assert found.errors["error"][0].startswith(f"{failure.__name__}: over (line ")


def test_a_run_whose_objective_fails_keeps_its_metrics():
    found = sweep(maximize=lambda run: 1 / (run.params.fast - 3))

    failed = found.errors

    assert failed["fast"].to_list() == [3, 3]
    assert failed["sharpe"].equals(sweep().frame.filter(pl.col("fast") == 3)["sharpe"])


def test_what_ends_a_sweep_leaves_the_finished_runs():
    def bad(run):
        if run.params.slow == 6:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt) as caught:
        rbt.sweep(Cross, sweep().portal, {"slow": [4, 6]}, start="2017-01-12", maximize=bad)

    assert caught.value.result.frame["slow"].to_list() == [4]
