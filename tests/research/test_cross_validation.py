"""Every combination of folds is tried, with what was best in the others."""

import itertools
import math

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import BadFolds, InvalidSetting, SweepError
from tests.research.sweeping.sweeps import SETS, Cross, FailsOnThree
from tests.research.sweeping.test_signals import cross, market


def validated(strategy=Cross, params=None, **options):
    options = {"folds": 6, "test_folds": 2, "start": "2015-01-20", "workers": 1, **options}
    return rbt.cross_validate(strategy, market(), params or SETS, **options)


def sharpe(returns):
    deviation = returns.std(ddof=1)
    return returns.mean() / deviation * math.sqrt(252) if deviation else math.nan


def test_each_split_chooses_the_best_of_its_training_and_tries_it_in_the_rest():
    found = validated(purge=3, embargo=2)

    returns, size = found.sweep.returns(), found.sweep.sessions
    folds = np.array_split(np.arange(size), 6)
    pairs = list(itertools.combinations(range(6), 2))
    assert found.splits["test_folds"].to_list() == [list(pair) for pair in pairs]
    for split, pair in zip(found.splits.iter_rows(named=True), pairs, strict=True):
        banned = set()
        for fold in pair:
            low, high = folds[fold][0], folds[fold][-1]
            banned |= set(range(low - 3, high + 3 + 2 + 1))
        train = [place for place in range(size) if place not in banned]
        tried = np.concatenate([folds[fold] for fold in pair])
        inside = [sharpe(column) for column in returns[train].T]
        best = int(np.nanargmax(inside))
        row = found.sweep.row(best)
        assert {name: split[name] for name in SETS} == dict(row.params)
        assert split["train_sessions"] == len(train)
        assert split["in_sample"] == pytest.approx(inside[best], rel=1e-12)
        assert split["out_of_sample"] == pytest.approx(sharpe(returns[tried, best]), rel=1e-12)


def test_paths_go_through_all_sessions_and_use_every_try_once():
    found = validated()

    assert found.paths.height == math.comb(5, 1)
    assert found.returns.height == found.sweep.sessions
    assert found.returns.null_count().row(0) == (0,) * 6
    returns, folds = found.sweep.returns(), np.array_split(np.arange(found.sweep.sessions), 6)
    for fold, places in enumerate(folds):
        chosen = [
            returns[places, row.number]
            for row, split in zip(found.chosen, found.splits["test_folds"], strict=True)
            if fold in split
        ]
        for path, expected in enumerate(chosen):
            assert found.returns[f"path_{path}"].to_numpy()[places].tolist() == expected.tolist()
    for path in found.paths.iter_rows(named=True):
        whole = found.returns[f"path_{path['path']}"].to_numpy()
        assert path["sharpe"] == pytest.approx(sharpe(whole), rel=1e-12)
    dates = rbt.backtest(Cross, market(), start="2015-01-20", progress=False).performance["date"]
    assert found.returns["date"].to_list() == dates.to_list()


def test_what_is_tried_has_no_part_in_choosing():
    """Other prices in the tried folds change the tries, and no choice made before them."""
    bars = market()
    dates = bars.to_frame()["date"].unique().sort()
    changed = bars.to_frame().with_columns(
        pl.when(pl.col("date") > dates[-12]).then(pl.col(name) * 1.5).otherwise(name).alias(name)
        for name in ("open", "high", "low", "close")
    )
    options = {"folds": 6, "test_folds": 1, "start": "2015-01-20", "workers": 1}

    before = rbt.cross_validate(Cross, bars, SETS, **options)
    after = rbt.cross_validate(Cross, rbt.PolarsDataPortal(changed), SETS, **options)

    names = ["fast", "slow", "in_sample"]
    assert before.splits["test_folds"].to_list()[-1] == [5]
    assert after.splits[names].row(-1) == before.splits[names].row(-1)
    assert after.splits["out_of_sample"][-1] != before.splits["out_of_sample"][-1]


def test_a_function_of_returns_and_a_minimised_ratio_choose():
    sets = {"fast": [2, 3], "slow": [4, 6]}
    steady = validated(params=sets, maximize=lambda returns: -returns.std(ddof=1))
    quiet = validated(params=sets, maximize="-annual_volatility")

    assert [row.params for row in steady.chosen] == [row.params for row in quiet.chosen]
    assert (quiet.splits["in_sample"] > 0).all()


def test_signals_are_cross_validated_by_columns():
    found = validated(cross(), {"fast": [2, 3], "slow": [6, 9]}, folds=5, test_folds=2)

    assert len(found) == 10
    assert found.paths.height == 4


def test_failed_runs_are_left_out():
    found = validated(FailsOnThree, {"fast": [2, 3], "slow": [4, 6]})

    assert found.sweep.errors.height == 2
    assert {row.params["fast"] for row in found.chosen} == {2}


def test_stability_and_quantiles_sum_up_the_splits():
    found = validated()

    table = found.stability()
    assert table["splits"].sum() == len(found) == 15
    assert table["splits"].is_sorted(descending=True)
    assert found.quantiles()[0.5] == pytest.approx(found.paths["sharpe"].median())
    ranks = found.splits["out_of_sample_rank"]
    assert found.overfitting == pytest.approx((ranks <= 0.5).mean())
    assert "15 splits, 5 paths, median sharpe" in repr(found)
    assert "<p>CrossValidation(" in found._repr_html_()


def test_one_run_is_not_ranked():
    assert validated(params={"fast": [2], "slow": [4]}).overfitting is None


class Halves:
    """A splitter as scikit-learn has them: trained before, tried after."""

    def split(self, X):  # noqa: N803 - scikit-learn's name
        half, end = len(X) // 2, len(X)
        yield np.arange(half - 5), np.arange(half, half + 10)
        yield np.arange(half + 5), np.arange(half + 10, end)


def test_a_splitter_may_cut_time():
    found = validated(splitter=Halves())

    assert found.paths.height == 1
    assert found.returns.height == found.sweep.sessions - found.sweep.sessions // 2
    assert found.splits["train_sessions"].to_list() == [
        found.sweep.sessions // 2 - 5,
        found.sweep.sessions // 2 + 5,
    ]


class Leaks:
    def split(self, X):  # noqa: N803 - scikit-learn's name
        yield np.arange(20), np.arange(19, len(X))


class Empty:
    def split(self, X):  # noqa: N803 - scikit-learn's name
        yield np.arange(len(X)), [np.arange(0)]


class Nothing:
    def split(self, X):  # noqa: N803 - scikit-learn's name
        return iter(())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 120}, "of 120 blocks of"),
        ({"folds": 1}, "folds must be a whole number from 2 on: was 1"),
        ({"test_folds": 6}, "from 1 to 5 can be tried: was 6"),
        ({"test_folds": 0}, "test_folds must be a whole number from 1 on: was 0"),
        ({"folds": "6"}, "folds must be a whole number from 2 on: was '6'"),
        ({"folds": 60, "test_folds": 30}, "more than 20,000: pass fewer folds"),
        ({"purge": 80}, "nothing is left to train on"),
        ({"embargo": "a week"}, "embargo must be a number of sessions"),
        ({"splitter": Leaks()}, "overlap in split 0 of Leaks: session 19 is in both"),
        ({"splitter": Empty()}, "split 0 of Empty is empty"),
        ({"splitter": Nothing()}, "Nothing makes no split of"),
        ({"splitter": 5}, r"splitter must have split\(X\)"),
        ({"splitter": Halves}, r"splitter must have split\(X\)"),
    ],
)
def test_folds_that_cannot_be_are_refused(options, message):
    with pytest.raises(BadFolds, match=message):
        validated(**options)


def test_an_objective_that_is_none_is_refused():
    with pytest.raises(InvalidSetting, match="did you mean 'sharpe'"):
        validated(maximize="sharp")
    with pytest.raises(InvalidSetting, match=r"deepest drawdown.*write 'max_drawdown'"):
        validated(maximize="-max_drawdown")


def test_a_splitter_may_cut_by_dates():
    class ByMonth:
        def split(self, bars):
            months = bars.index.to_period("M")
            for month in months.unique()[1:]:
                yield np.flatnonzero(months < month), np.flatnonzero(months == month)

    found = validated(splitter=ByMonth())

    days = found.returns["date"].to_list()
    assert len(found) == len({(day.year, day.month) for day in days})
    assert days[0].day <= 3


def test_a_split_without_a_value_is_named():
    with pytest.raises(SweepError, match=r"no run has a value in a training of .* folds \[0, 1\]"):
        validated(maximize=lambda _: math.nan)
    with pytest.raises(SweepError, match="every run failed"):
        validated(FailsOnThree, {"fast": [3]})


def test_parameters_of_any_kind_and_name_are_shown_in_splits():
    class Named(Cross):
        split, kind = 0, None

    found = rbt.cross_validate(
        Named,
        market(),
        {"fast": [2, 3], "split": [1], "kind": [(1, 2), [3]]},
        folds=np.int64(4),
        start="2015-01-20",
        workers=1,
    )

    assert found.splits["split"].to_list() == list(range(len(found)))
    assert set(found.splits["param_split"]) == {1}
    assert found.splits["kind"].dtype == pl.String
    assert found.stability()["share"].sum() == pytest.approx(1.0)
