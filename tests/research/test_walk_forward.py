"""Walks forward try what was chosen before, and their result is one run's."""

import math
from datetime import timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import BadFolds, InvalidSetting, SweepError
from rbtlive.finance.commission import NoCommission
from rbtlive.finance.slippage import NoSlippage
from rbtlive.research.walking.folds import combinations, path_count, walk
from rbtlive.research.walking.lengths import rows_of
from tests.research.sweeping.sweeps import SETS, Counts, Cross, FailsOnThree
from tests.research.sweeping.test_signals import cross, market


def forward(strategy=Cross, params=None, **options):
    options = {"train": 25, "test": 12, "start": "2015-01-20", "workers": 1, **options}
    return rbt.walk_forward(strategy, market(), params or SETS, **options)


def test_each_fold_chooses_before_it_tries_and_nothing_is_tried_twice():
    found = forward(purge=2, embargo=1, gap=1)

    folds = found.folds
    assert (folds["train_end"] < folds["test_start"]).all()
    assert (folds["test_start"].to_list()[1:] > folds["test_end"].to_list()[:-1]) is True
    tried = found.result.performance["date"]
    assert tried.is_unique().all()
    assert tried.is_sorted()
    sessions = rbt.backtest(Cross, market(), start="2015-01-20", progress=False).performance["date"]
    places = {label: place for place, label in enumerate(sessions)}
    for end, begin in zip(folds["train_end"], folds["test_start"], strict=True):
        assert places[begin] - places[end] == 5


def test_each_test_is_what_backtest_gives_for_the_chosen_parameters():
    found = forward()

    for place, (row, test) in enumerate(zip(found.chosen, found.tests, strict=True)):
        fold = found.folds.row(place, named=True)
        sweep = rbt.sweep(
            Cross,
            market(),
            SETS,
            start=fold["train_start"],
            end=fold["train_end"],
            workers=1,
        )
        assert row.params == sweep.best.params
        assert fold["in_sample"] == sweep.value(sweep.best.number)
        assert fold["out_of_sample"] == test.metrics["sharpe"]


def test_trainings_begin_with_the_given_capital_and_tests_with_the_money_of_the_last():
    """Computed by hand: held from the second close of a span, 100 or 200 shares."""
    closes = [10.0, 10.0, 11.0, 12.0, 12.0, 9.0, 8.0, 8.0, 10.0, 13.0, 13.0, 14.0]
    dates = market().to_frame()["date"].head(len(closes))
    bars = pl.DataFrame({"date": dates, "symbol": "A", "close": closes}).with_columns(
        pl.col("close").alias("open"), pl.col("close").alias("high"), pl.col("close").alias("low"),
        volume=1e6,
    )  # fmt: skip
    holds = rbt.signals(pl.lit(1) > 0, pl.lit(0) > 0, size=lambda p: p.size_of)

    found = rbt.walk_forward(
        holds, bars, {"size_of": [100, 200]}, train=4, test=4, maximize="final_value",
        capital_base=10_000, workers=1, slippage=NoSlippage(), commission=NoCommission(),
    )  # fmt: skip

    folds = found.folds
    # Train 10 10 11 12: +2 on 200. Test 12 9 8 8: -1 on 200, from 10,000.
    # Train 12 9 8 8: -1 on 100. Test 10 13 13 14: +1 on 100, from 9,800.
    assert folds["size_of"].to_list() == [200, 100]
    assert folds["in_sample"].to_list() == [10_400.0, 9_900.0]
    assert folds["out_of_sample"].to_list() == [9_800.0, 9_900.0]
    assert found.result.performance["portfolio_value"].to_list() == [
        *(10_000.0, 10_000.0, 9_800.0, 9_800.0),
        *(9_800.0, 9_800.0, 9_800.0, 9_900.0),
    ]


@pytest.mark.parametrize("anchored", [False, True])
def test_on_bare_data_the_first_training_begins_where_its_windows_fit(anchored):
    found = forward(start=None, anchored=anchored)

    assert [swept.errors.height for swept in found.sweeps] == [0] * len(found)
    assert found.folds["train_start"][0] == market().calendar.label(market().first_session)


def test_the_stitched_result_is_a_run_whose_books_balance():
    found = forward(cross(), {"fast": [2, 3], "slow": [6]}, train=30, test=9)
    result = found.result

    ends = [test.record.sessions[-1].portfolio_value for test in found.tests]
    whole = result.performance
    assert result.record.sessions[-1].portfolio_value == ends[-1]
    growth = math.prod(1.0 + test.metrics["total_return"] for test in found.tests)
    assert result.metrics["total_return"] == pytest.approx(growth - 1.0, rel=1e-12)
    assert whole["portfolio_value"].to_list() == [
        value for test in found.tests for value in test.performance["portfolio_value"]
    ]
    assert result.orders["id"].is_unique().all()
    assert set(result.transactions["order_id"].drop_nulls()) <= set(result.orders["id"])
    cash = sum(
        (-t.amount * t.price - t.commission for t in result.record.transactions), Decimal(100_000)
    )
    held = result.record.sessions[-1].ending_value
    assert cash + held == ends[-1]
    assert result.trades.filter(pl.col("open")).height == len(result.record.sessions[-1].positions)
    assert result.profit_bridge["change_of_equity"] == ends[-1] - 100_000


def test_anchored_training_begins_at_the_first_session():
    folds = forward(anchored=True).folds

    assert folds["train_start"].n_unique() == 1
    assert forward().folds["train_start"].n_unique() == folds.height


def test_stability_counts_how_parameters_change():
    found = forward()

    table = found.stability()

    assert table["parameter"].to_list() == ["fast", "slow"]
    chosen = found.folds["fast"].to_list()
    assert table["values"][0] == len(set(chosen))
    assert table["mean"][0] == pytest.approx(np.mean(chosen))
    assert "folds" in repr(found)
    assert "<th>train_start</th>" in found._repr_html_()


def test_the_future_of_a_test_has_no_part_in_choosing():
    bars = market()
    changed = bars.to_frame().with_columns(
        pl.when(pl.col("date") > pl.col("date").max() - pl.duration(days=40))
        .then(pl.col(name) * 2)
        .otherwise(pl.col(name))
        .alias(name)
        for name in ("open", "high", "low", "close")
    )
    options = {"train": 25, "test": 12, "start": "2015-01-20", "workers": 1}

    before = rbt.walk_forward(Cross, bars, SETS, **options)
    after = rbt.walk_forward(Cross, rbt.PolarsDataPortal(changed), SETS, **options)

    first = changed["date"].max()
    same = before.folds.filter(pl.col("test_end") < first - pl.duration(days=41))
    assert after.folds.head(same.height).equals(same)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": 200}, "not one fold fits into"),
        ({"step": 5}, "tests must not overlap: a test has 12 sessions and the next begins 5"),
        ({"train": "two years"}, "train must be a number of sessions"),
        ({"test": 0}, "test must be a number of sessions from 1 on"),
        ({"purge": -1}, "purge must be a number of sessions from 0 on"),
    ],
)
def test_folds_that_cannot_be_are_refused(options, message):
    with pytest.raises(BadFolds, match=message):
        forward(**options)


def test_a_fold_in_which_everything_fails_is_named():
    with pytest.raises(SweepError, match="none of the 1 runs") as caught:
        forward(FailsOnThree, {"fast": [3]})
    assert "in fold 0, trained from" in caught.value.__notes__[0]


def test_lengths_may_be_text():
    assert [rows_of(text, "train") for text in ("2y", "6mo", "4w", "10d")] == [504, 126, 20, 10]


@pytest.mark.parametrize(
    ("a_year", "rows"),
    [
        (252, [504, 126, 20, 10, 252]),
        (260, [520, 130, 20, 10, 260]),
        (365, [730, 182, 28, 10, 365]),
        (52, [104, 26, 4, None, 52]),
        (12, [24, 6, None, None, 12]),
    ],
)
def test_a_length_has_the_rows_that_the_calendar_and_the_interval_give_it(a_year, rows):
    lengths = ("2y", "6mo", "4w", "10d", timedelta(days=365))

    for length, count in zip(lengths, rows, strict=True):
        if count is None:
            row = {52: "weeks", 12: "months"}[a_year]
            with pytest.raises(BadFolds, match=f"train must be a number of {row}.*; write [12]"):
                rows_of(length, "train", a_year=a_year)
        else:
            assert rows_of(length, "train", a_year=a_year) == count


def test_half_a_year_of_days_is_no_question_where_every_day_trades():
    assert rows_of("180 days", "train", a_year=365) == 180


@pytest.mark.parametrize(("frequency", "sessions"), [("1w", 52), ("1mo", 12)])
def test_a_walk_over_weeks_or_months_trains_as_long_as_its_text_says(frequency, sessions):
    found = rbt.walk_forward(
        Trades, rbt.load_sample("us-daily"), {"size": [1, 2]}, train="4y", test="1y",
        frequency=frequency, start="2004-01-02", end="2009-12-31",
    )  # fmt: skip

    trained, tried, end = found.folds.select("train_start", "test_start", "test_end").row(0)
    assert (tried - trained).days == pytest.approx(4 * 365, abs=20)
    assert (end - tried).days == pytest.approx(365, abs=32)
    assert found.result.performance.height == pytest.approx(2 * sessions, abs=2)


class Trades(rbt.TradingAlgorithm):
    """Trades IBM in one size or another."""

    size = 1

    def handle_data(self, context, data):
        self.order(self.symbol("IBM"), self.size)


def test_a_last_test_is_kept_if_half_of_it_is_there():
    assert [f.test for f in walk(25, train=10, test=6, step=6, anchored=False, distance=0)] == [
        (10, 16),
        (16, 22),
        (22, 25),
    ]
    assert len(walk(24, train=10, test=6, step=6, anchored=False, distance=0)) == 2


@pytest.mark.parametrize(("blocks", "tested"), [(6, 2), (5, 1), (6, 3)])
def test_combinatorial_splits_try_every_block_equally_and_keep_away_from_it(blocks, tested):
    splits = list(combinations(60, blocks=blocks, tested=tested, purge=2, embargo=1))

    assert len(splits) == math.comb(blocks, tested)
    counts = np.zeros(60)
    for split in splits:
        for places in split.test.values():
            counts[places] += 1
            near = set(range(places[0] - 2, places[-1] + 4))
            assert not near & set(split.train.tolist())
    assert set(counts) == {path_count(blocks, tested)}


def test_splits_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(BadFolds, match="nothing is left to train on"):
        list(combinations(12, blocks=3, tested=2, purge=4))
    with pytest.raises(BadFolds, match="from 1 to 3 can be tried: was 4"):
        list(combinations(12, blocks=4, tested=4))


def test_each_fold_keeps_its_runs_in_a_store_and_goes_on_from_it(tmp_path):
    note = tmp_path / "note"
    note.touch()
    params = {**SETS, "note": str(note)}

    first = forward(Counts, params, store=tmp_path / "walk.sqlite")
    runs = note.read_text().count("run")
    again = forward(Counts, params, store=tmp_path / "walk.sqlite")

    stores = sorted(path.name for path in tmp_path.glob("walk.*.sqlite"))
    assert stores == [f"walk.{place:03d}.sqlite" for place in range(len(first))]
    # Only the tests are run again.
    assert note.read_text().count("run") == runs + len(first)
    assert again.folds.equals(first.folds)


def test_a_function_has_its_value_out_of_sample():
    named, own = forward(), forward(maximize=lambda run: run.sharpe)

    assert own.folds["out_of_sample"].to_list() == named.folds["out_of_sample"].to_list()
    assert own.efficiency == named.efficiency


class Named(Cross):
    fold, in_sample, kind = 0, 0, None


def test_parameters_of_any_kind_and_name_are_shown_in_folds():
    kinds = [lambda v: v, lambda v: v + 1]

    found = forward(Named, {"fast": [2, 3], "fold": [1], "in_sample": [7], "kind": kinds})

    assert found.folds["fold"].to_list() == list(range(len(found)))
    assert set(found.folds["param_fold"]) == {1}
    assert set(found.folds["param_in_sample"]) == {7}
    assert found.folds["kind"].dtype == pl.String
    assert "<table>" in found._repr_html_()


def test_options_of_a_walk_forward_that_cannot_be_are_refused():
    with pytest.raises(InvalidSetting, match="anchored must be True or False: was 'False'"):
        forward(anchored="False")
    with pytest.raises(TypeError, match="'trains': did you mean 'train'"):
        forward(trains=3)
    assert len(forward(train=np.int64(25), test=np.int64(12))) == len(forward())
