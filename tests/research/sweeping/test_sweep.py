"""A sweep runs every set of parameters, keeps what fails, and can run each row again."""

import math
import pickle
import threading
import xml.etree.ElementTree as ET

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import (
    EmptySweep,
    InvalidSetting,
    NotAFrame,
    RbtliveWarning,
    SettingsError,
    StoreMismatch,
    SweepError,
    SweepTooLarge,
    UnknownParameter,
)
from rbtlive.research.figures.still import WIDTH, still_picture
from rbtlive.research.reports.writing import short
from rbtlive.research.sweeping.objectives import METRICS
from rbtlive.research.sweeping.params import Space
from rbtlive.research.sweeping.surface import sensitivity
from tests.builders import daily_frame
from tests.research.sweeping.sweeps import START, Counts, Cross, FailsOnThree, portal, sweep


def test_a_grid_has_a_row_a_set_with_parameters_metrics_seconds_and_error():
    found = sweep()

    assert found.frame.columns == ["fast", "slow", *METRICS, "seconds", "error"]
    assert found.frame["fast"].to_list() == [2, 2, 3, 3, 5, 5]
    assert found.frame["slow"].to_list() == [4, 6] * 3
    assert found.frame["error"].null_count() == len(found) == 6
    assert found.frame["seconds"].min() > 0


def test_each_row_is_what_backtest_gives_and_runs_again_to_the_same():
    bars = portal()
    found = sweep(data=bars)

    for row in found:
        alone = rbt.backtest(Cross, bars, start=START, params=row.params, progress=False)
        assert row.metrics == {name: alone.metrics[name] for name in row.metrics}
        assert row.result().transactions.equals(alone.transactions)


def test_the_best_row_has_the_highest_metric_and_minus_turns_it_around():
    found = sweep(maximize="total_return")
    lowest = sweep(maximize="-annual_volatility")

    assert found.best.metrics["total_return"] == found.frame["total_return"].max()
    assert lowest.best.metrics["annual_volatility"] == lowest.frame["annual_volatility"].min()
    assert [row.number for row in found.top(2)] == list(
        found.frame["total_return"].arg_sort(descending=True)[:2]
    )


def test_a_statistic_that_is_no_metric_is_an_objective_by_name():
    found = sweep(maximize="profit_factor")

    assert found.best.params == found.row(found.frame["profit_factor"].arg_max()).params
    best = found.best.result().stats.filter(statistic="profit_factor")["value"].item()
    assert found.value(found.best.number) == best
    assert found.facts()["maximize"] == ["profit_factor"]


def test_an_objective_may_be_a_function_of_metrics_params_and_the_whole_result():
    def per_fill(run):
        assert run["fills"] == run.metrics["fills"] == run.transactions.height
        return run.total_return / run["fills"] if run.params["fast"] < 5 else None

    found = sweep(maximize=per_fill)

    assert found.frame["per_fill"].null_count() == 2
    assert found.best.params.fast < 5


def test_several_objectives_give_the_runs_that_no_other_beats():
    found = sweep(maximize=["total_return", "-annual_volatility"])

    front = found.pareto
    for row in front.iter_rows(named=True):
        better = found.frame.filter(
            (pl.col("total_return") > row["total_return"])
            & (pl.col("annual_volatility") < row["annual_volatility"])
        )
        assert better.is_empty()
    assert found.best.number == front["row"][0]


def test_where_leaves_sets_out_and_sees_parameters_by_item_and_attribute():
    found = sweep(where=lambda p: p["fast"] < p.slow - 1)

    assert found.frame.select("fast", "slow").rows() == [(2, 4), (2, 6), (3, 6)]


def test_a_parameter_that_where_misspells_is_named():
    with pytest.raises(UnknownParameter, match="no parameter 'fsat': did you mean 'fast'"):
        sweep(where=lambda p: p["fsat"] < 3)


def test_an_unknown_parameter_is_refused_before_the_first_run():
    with pytest.raises(UnknownParameter, match="did you mean 'fast'"):
        sweep(params={"fsat": [1, 2]})


def test_a_run_that_fails_is_a_row_with_the_users_line():
    found = sweep(FailsOnThree)

    assert found.errors["fast"].to_list() == [3, 3]
    assert "RuntimeError: three is no good" in found.errors["error"][0]
    assert 'raise RuntimeError("three is no good")' in found.errors["error"][0]
    assert found.best.params.fast != 3
    assert found.errors["sharpe"].null_count() == 2


class CallsAnotherLibrary(rbt.TradingAlgorithm):
    """Trades with a call that is not there."""

    size = 1

    def handle_data(self, context, data):
        self.buy(self.symbol("AAA"))


def test_the_error_of_a_row_says_what_to_write_instead():
    found = sweep(CallsAnotherLibrary, {"size": [1]})

    error = found.errors["error"][0]
    assert "has no 'buy': write self.order(asset, 10), or -10 to sell (line" in error
    assert "at the bar" not in error


def test_where_nothing_has_the_metric_best_says_what_failed():
    found = sweep(FailsOnThree, {"fast": [3]})

    with pytest.raises(SweepError, match=r"has a value of 'sharpe': 1 failed.*no good"):
        _ = found.best
    assert "1 failed" in repr(found)
    assert "three is no good" in found._repr_html_()


def test_a_metric_that_does_not_exist_is_never_the_best():
    found = sweep(maximize=lambda run: math.nan if run.params.fast != 5 else -1.0)

    assert found.best.params.fast == 5


def test_an_empty_grid_and_a_gigantic_one_are_refused_with_their_counts():
    with pytest.raises(EmptySweep, match="parameter 'fast' has no values"):
        sweep(params={"fast": []})
    with pytest.raises(EmptySweep, match="no set of parameters is left of 6"):
        sweep(where=lambda p: p.fast > 10)
    with pytest.raises(SweepTooLarge, match="the grid has 4,000,000 runs and more than 10,000"):
        sweep(params={"fast": range(2000), "slow": range(2000)})
    with pytest.raises(SweepTooLarge, match=r"the grid has 6 runs and n=5 was given: pass n=6"):
        sweep(n=5)


def test_a_grid_confirmed_by_n_runs():
    assert len(sweep(n=6)) == 6


def test_a_random_search_draws_different_sets_and_repeats_by_its_seed():
    space = {"fast": range(2, 30), "slow": range(4, 6)}

    one, again = (sweep(params=space, method="random", n=8, seed=4) for _ in range(2))
    other = sweep(params=space, method="random", n=8, seed=5)

    assert one.frame.select("fast", "slow").is_unique().all()
    assert one.frame.drop("seconds").equals(again.frame.drop("seconds"))
    assert not one.frame.drop("seconds").equals(other.frame.drop("seconds"))


def test_a_random_search_draws_from_distributions():
    stats = pytest.importorskip("scipy.stats")

    found = sweep(params={"fast": stats.randint(2, 5)}, method="random", n=3, seed=1)

    assert set(found.frame["fast"]) <= {2, 3, 4}


def test_a_longer_random_search_begins_with_the_shorter_one():
    stats = pytest.importorskip("scipy.stats")
    params = {"a": stats.uniform(0, 1), "b": stats.randint(0, 10**6), "c": range(10**6)}
    space = Space(params, lambda p: p.a < 0.7)

    few, many = space.random(5, 3), space.random(700, 3)

    assert many[:5] == few
    assert type(many[0].b) is int
    assert len({p.a for p in many}) == 700
    spread = [p.a for p in many]
    assert stats.kstest(spread, stats.uniform(0, 0.7).cdf).pvalue > 0.001
    assert abs(stats.pearsonr(spread, [p.b for p in many]).statistic) < 0.15


def test_a_single_value_is_a_constant_and_objects_are_shown_as_text():
    found = sweep(params={"fast": 3, "slow": [4, 5]})

    assert found.frame["fast"].to_list() == [3, 3]


def test_a_parameter_named_like_a_metric_gets_a_column_of_its_own():
    class Named(Cross):
        orders = 1

    found = sweep(Named, {"orders": [1, 2]})

    assert found.frame["param_orders"].to_list() == [1, 2]
    assert found.best.params["orders"] in (1, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"maximize": "shrpe"}, "did you mean 'sharpe'"),
        ({"maximize": 3}, "metric's name or a function"),
        ({"maximize": []}, "must name something"),
        ({"method": "anneal"}, 'must be "grid", "random", "optuna" or an optuna sampler'),
        ({"method": "random"}, "needs n="),
        ({"workers": 0}, "workers of sweep"),
        ({"n": True}, "n of sweep"),
        ({"backend": "threads"}, "a dask client or an executor"),
        ({"where": 3}, "where must be a function"),
        ({"where": lambda fast, slow: fast < slow}, "of one argument"),
        ({"store": "sqlite:///x"}, "path of an SQLite file"),
    ],
)
def test_what_cannot_be_is_said_with_what_can(options, message):
    with pytest.raises(InvalidSetting, match=message):
        sweep(**options)


def test_a_run_is_taken_by_its_number():
    found = sweep()

    assert [found[0].params, found[-1].params] == [
        one.params for one in (found.row(0), found.row(5))
    ]


def test_a_strategy_in_the_place_of_data_is_said():
    with pytest.raises(
        NotAFrame, match=r"the strategy comes first, e\.g\. backtest\(Cross, bars\)"
    ):
        rbt.backtest(daily_frame(40, 2), Cross)


def test_an_unknown_option_is_refused_with_the_nearest():
    with pytest.raises(TypeError, match="'capital': did you mean 'capital_base'"):
        sweep(capital=3)


def test_frames_are_taken_where_portals_are():
    assert len(rbt.sweep(Cross, daily_frame(40, 2), {"fast": [2]}, start=START, workers=1)) == 1


def test_an_interrupt_keeps_what_is_done(tmp_path):
    runs = []

    def interrupting(run):
        if len(runs) == 2:
            raise KeyboardInterrupt
        runs.append(run)
        return 1.0

    with pytest.raises(KeyboardInterrupt) as caught:
        sweep(maximize=interrupting, store=tmp_path / "s.sqlite")

    assert caught.value.result.frame["fast"].to_list() == [2, 2]
    assert "interrupted after 2 runs" in caught.value.__notes__[0]


def test_a_store_goes_on_where_a_sweep_was_stopped(tmp_path):
    path, note = tmp_path / "sweep.sqlite", tmp_path / "note"
    note.touch()
    half = {"fast": [2, 3], "slow": [4, 6], "note": str(note)}
    whole = {**half, "fast": [2, 3, 5]}

    sweep(Counts, half, store=path)
    found = sweep(Counts, whole, store=path)

    assert note.read_text().count("run") == 6
    assert found.frame.drop("seconds").equals(sweep(Counts, whole).frame.drop("seconds"))
    assert found.returns().shape == (33, 6)


def test_a_store_of_another_sweep_is_refused_naming_the_difference(tmp_path):
    path = tmp_path / "sweep.sqlite"
    sweep(store=path)

    with pytest.raises(StoreMismatch, match=r"its capital_base was .*100000.*200000"):
        sweep(store=path, capital_base=200_000)
    with pytest.raises(StoreMismatch, match="its strategy was 'Cross', is 'FailsOnThree'"):
        sweep(FailsOnThree, store=path)
    other = tmp_path / "other"
    other.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreMismatch, match="is not a file of a sweep"):
        sweep(store=other)


def test_a_store_of_other_code_or_bars_says_so_in_words(tmp_path):
    path = tmp_path / "sweep.sqlite"
    sweep(store=path)

    class Edited(Cross):
        def handle_data(self, context, data):
            """Trade no more."""

    Edited.__name__ = Edited.__qualname__ = Cross.__name__
    with pytest.raises(StoreMismatch, match="the strategy's code has changed since; pass"):
        sweep(Edited, store=path)
    with pytest.raises(StoreMismatch, match="its bars, splits or dividends have changed since"):
        sweep(store=path, data=portal(45))


def test_a_sweep_that_never_traded_says_so_in_place_of_a_best_run():
    class Waits(Cross):
        def handle_data(self, context, data):
            """Trade nothing."""

    with pytest.raises(SweepError, match="'sharpe': 0 failed, and no run traded: see row"):
        _ = sweep(Waits).best


def test_the_surface_of_a_sweep_is_a_table_and_a_chart():
    found = sweep(maximize="total_return")

    table = found.pivot("fast", "slow")
    figure = found.heatmap("fast", "slow", "sharpe")

    assert table.columns == ["slow", "2", "3", "5"]
    assert table["3"][1] == found.row(3).metrics["total_return"]
    assert list(figure.data[0].x) == ["2", "3", "5"]
    assert found.parallel_coordinates().data[0].dimensions[0].label == "fast"
    with pytest.raises(SettingsError, match="no parameter 'fsat' in this sweep: did you mean"):
        found.heatmap("fsat", "slow")
    with pytest.raises(SettingsError, match="no metric 'shrpe': did you mean 'sharpe'"):
        found.pivot("fast", "slow", "shrpe")


@pytest.mark.parametrize("kind", ["heatmap", "parallel"])
def test_a_figure_of_a_sweep_has_a_title_and_a_still_picture(kind):
    found = sweep(maximize="total_return")
    figure = found.heatmap("fast", "slow") if kind == "heatmap" else found.parallel_coordinates()

    svg = still_picture(figure)

    assert figure.layout.title.text.startswith("total_return by fast")
    root = ET.fromstring(svg)
    texts = [node for node in root.iter() if node.tag.endswith("text")]
    names = {"fast", "slow", "total_return"}
    assert names <= {node.text for node in texts}
    assert all(0 <= float(node.get("x")) <= WIDTH for node in texts)
    drawn = [node.tag.rpartition("}")[2] for node in root.iter()]
    runs = len(found.frame.drop_nulls("total_return"))
    if kind == "parallel":
        assert drawn.count("polyline") == runs
    else:
        assert drawn.count("rect") == runs + 40  # and the steps of its scale
        assert short(found.best.metrics["total_return"], 3) in {node.text for node in texts}
    assert "nan" not in svg


def test_sensitivity_is_the_share_of_variance_between_a_parameters_values():
    found = sweep(maximize=lambda run: 10.0 * run.params.fast + 0.1 * run.params.slow)

    table = found.sensitivity()

    assert table["parameter"].to_list() == ["fast", "slow"]
    assert table["share"][0] > 0.99
    assert table["share"].sum() == pytest.approx(1.0)
    assert table["best_value"].to_list() == ["5", "6"]


def test_a_parameter_without_effect_has_no_share():
    frame = pl.DataFrame({"fast": [2, 3, 4] * 7, "slow": [n for n in range(7) for _ in range(3)]})
    frame = frame.with_columns(sharpe=pl.col("fast") / 10)

    share = dict(
        sensitivity(frame, ["fast", "slow"], "sharpe", 1.0).select("parameter", "share").rows()
    )

    assert share == {"fast": 1.0, "slow": 0.0}


def test_a_spike_is_distinguished_from_a_plateau():
    peaks = {(5, 14): 9.0}
    found = sweep(
        params={"fast": [2, 3, 4, 5, 6, 7], "slow": [10, 11, 12, 13, 14, 15]},
        maximize=lambda run: peaks.get((run.params.fast, run.params.slow), run.params.fast / 10),
        start="2017-02-01",
    )
    assert found.errors.is_empty()

    table = found.plateaus()

    assert table.filter(pl.col("spike")).select("fast", "slow").rows() == [(5, 14)]
    assert table["neighbours_worst"][0] == 0.6


def test_a_sweep_and_its_best_row_are_shown_and_can_be_pickled_with_its_class():
    found = sweep()

    assert repr(found).startswith("SweepResult(Cross, 6 runs, best: SweepRow(")
    assert "<table>" in found._repr_html_()
    with pytest.raises(IndexError, match="row 6 is not among the sweep's 6"):
        found.row(6)
    again = pickle.loads(pickle.dumps(found))
    assert again.frame.equals(found.frame)


def test_the_odds_of_a_sweep_are_those_of_its_returns():
    found = sweep()

    odds = found.odds(blocks=4, draws=50)

    assert found.returns().shape == (33, 6)
    assert odds.trials == 6
    assert odds.sharpe == pytest.approx(found.best.metrics["sharpe"], rel=1e-9)


def test_the_odds_of_a_calendar_that_trades_every_day_are_annualised_like_its_metrics():
    bars = daily_frame(40, 2)
    found = sweep(data=rbt.PolarsDataPortal(bars, calendar="24/7"))

    assert found.odds().sharpe == pytest.approx(found.best.metrics["sharpe"], rel=1e-6)
    with pytest.raises(TypeError, match=r"odds\(\) got an unexpected argument 'block'"):
        found.odds(block=4)


def test_returns_that_were_not_kept_are_made_again_without_analyze(monkeypatch):
    class Shows(Cross):
        def analyze(self, context, perf):
            raise AssertionError("analyze was called")

    whole = sweep().returns()
    monkeypatch.setattr("rbtlive.research.sweeping.sweep.RETURNS_KEPT", 0)

    assert np.array_equal(sweep(Shows).returns(), whole)


def test_a_strategy_with_state_that_cannot_travel_stays_in_this_process():
    class Locked(Cross):
        lock = threading.Lock()

    assert len(sweep(Locked, workers=None)) == 6


class Averages(rbt.TradingAlgorithm):
    n = 3

    def initialize(self, context):
        self.indicator("mean", pl.col("close").rolling_mean(self.n))


def test_an_error_inside_a_library_names_the_users_line_and_blames_no_frames():
    found = rbt.sweep(Averages, portal(), {"n": [1.5, 3]}, workers=1)

    (error,) = found.errors["error"]
    assert "of initialize: self.indicator" in error
    assert "pandas" not in error


@pytest.mark.parametrize("returned", ["much", [1.0, 2.0], {"a": 1}])
def test_a_function_to_maximize_that_returns_no_number_is_named(returned):
    found = rbt.sweep(Averages, portal(), {"n": [3]}, maximize=lambda _: returned, workers=1)

    assert "a function to maximize must return a number, or None" in found.errors["error"][0]
    with pytest.raises(TypeError, match="a function to maximize must return a number"):
        rbt.cross_validate(
            Averages, portal(), {"n": [3]}, folds=4, maximize=lambda _: returned, workers=1
        )


def test_the_warning_of_values_given_twice_names_the_users_line():
    with pytest.warns(RbtliveWarning, match="more than once") as caught:
        rbt.sweep(Averages, portal(), {"n": [3, 3]}, workers=1)

    assert {one.filename for one in caught} == {__file__}
