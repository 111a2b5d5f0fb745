"""What people of other libraries ask of a result, a sweep or a model, and what they
pass by mistake.
"""

import copy
import pickle
from datetime import timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import (
    BadFolds,
    InvalidSetting,
    ResultError,
    SettingsError,
    StrategyError,
    UnknownSample,
)
from rbtlive.finance.commission import CommissionModel
from rbtlive.pipeline import Pipeline
from rbtlive.pipeline.factors import Returns
from rbtlive.research.walking.lengths import rows_of
from tests.builders import daily_frame

BARS = daily_frame(40)


class Buys(rbt.TradingAlgorithm):
    """Buys a share a bar."""

    fast = 3

    def initialize(self, context):
        context.asset = self.symbol("AAA")

    def handle_data(self, context, data):
        self.order(context.asset, self.fast)


RESULT = rbt.backtest(Buys, BARS)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("equity_curve", r'write result.performance\["portfolio_value"\]'),
        ("_equity_curve", r'write result.performance\["portfolio_value"\]'),
        ("returns", r'write result.performance\["returns"\]'),
        ("_trades", "write result.trades"),
        ("sharpe", r'write result.metrics\["sharpe"\]'),
        ("final_value", r'write result.metrics\["final_value"\]'),
        ("sqn", r'write result.stats.filter\(statistic="sqn"\)'),
        ("trade", "did you mean 'trades'"),
    ],
)
def test_an_attribute_of_another_library_names_its_place_here(name, place):
    with pytest.raises(AttributeError, match=f"no attribute {name!r}: {place}"):
        getattr(RESULT, name)


def test_what_is_nowhere_is_a_plain_missing_attribute_and_results_still_travel():
    assert not hasattr(RESULT, "qqqqq")
    assert not hasattr(RESULT, "_nothing")
    for other in (pickle.loads(pickle.dumps(RESULT)), copy.copy(RESULT), copy.deepcopy(RESULT)):
        assert other.metrics == RESULT.metrics


def test_an_error_inside_of_a_table_is_its_own():
    class Broken(rbt.BacktestResult):
        @property
        def table(self):
            raise AttributeError("mine")

    with pytest.raises(AttributeError, match=r"^mine$"):
        _ = Broken(RESULT.record).table


@pytest.mark.parametrize("path", [None, "", b"x", 5])
def test_a_path_that_is_none_is_refused_by_all_that_write_or_read(path):
    for act in (RESULT.report, RESULT.save_html, RESULT.save, rbt.BacktestResult.load):
        with pytest.raises(InvalidSetting, match=rf"^path of {act.__name__}\(\) must be a path"):
            act(path)


def test_a_page_that_cannot_be_written_says_where(tmp_path):
    for act in (RESULT.report, RESULT.save_html):
        with pytest.raises(ResultError, match="the page could not be written to"):
            act(tmp_path)


@pytest.mark.parametrize("odd", [[], np.array([1, 2]), pl.DataFrame(), 2.5, object()])
def test_a_choice_of_the_wrong_type_is_refused_by_its_name(odd):
    for act, name in (
        (lambda: RESULT.plot(odd), "kind"),
        (lambda: RESULT.round_trips(odd), "method"),
        (lambda: RESULT.trades_by(odd), "group"),
        (lambda: RESULT.rolling(odd), "window"),
        (lambda: rbt.monte_carlo(RESULT, method=odd), "method"),
        (lambda: rbt.monte_carlo(RESULT, seed=odd), "seed"),
        (lambda: rbt.backtest(Buys, BARS, frames=odd), "frames"),
        (lambda: rbt.backtest(Buys, BARS, zipline_quirks=odd), "zipline_quirks"),
        (lambda: rbt.backtest(Buys, BARS, progress=odd), "progress"),
        (lambda: rbt.backtest(Buys, BARS, benchmark=odd), "benchmark"),
        (lambda: rbt.backtest(Buys, BARS, frequency=odd), "frequency"),
        (lambda: rbt.read(BARS, labels=odd), "labels"),
        (lambda: rbt.read(BARS, asset_class=odd), "asset_class"),
        (lambda: rbt.Breakers(action=odd), "action"),
        (lambda: rbt.fetch(odd, "AAA", "2020-01-02", "2020-01-03"), "vendor"),
    ):
        with pytest.raises(SettingsError, match=f"^{name}[ a-zA-Z()]* must be"):
            act()


def test_a_sample_of_no_name_is_unknown():
    with pytest.raises(UnknownSample, match="name must be a sample"):
        rbt.load_sample([])


def test_what_is_no_result_and_too_many_draws_are_refused_before_anything_is_drawn():
    with pytest.raises(SettingsError, match="was NoneType"):
        rbt.monte_carlo(None)
    with pytest.raises(SettingsError, match="n is too large"):
        rbt.monte_carlo(RESULT, n=10**30)
    with pytest.raises(SettingsError, match="block must be 1 session"):
        rbt.monte_carlo(RESULT, block="week")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"constraint": 1}, "write where="),
        ({"max_tries": 5}, 'write method="random", n=100'),
        ({"metric": "sharpe"}, 'write maximize="sharpe"'),
        ({"cash": 5}, "write capital_base=100_000"),
        ({"maximise": "sharpe"}, "did you mean 'maximize'"),
        ({"fast": [1, 2]}, r'params=\{"fast": \[...\]\}'),
    ],
    ids=["constraint", "tries", "metric", "capital", "spelling", "parameter"],
)
def test_arguments_of_other_libraries_are_answered_by_those_of_a_sweep(given, said):
    with pytest.raises(TypeError, match=rf"^sweep\(\) got .*{said}"):
        rbt.sweep(Buys, BARS, {"fast": [1, 2]}, **given)


def test_a_walk_forward_and_a_cross_validation_refuse_in_their_own_name():
    with pytest.raises(TypeError, match=r"^walk_forward\(\) got .*'zzz'"):
        rbt.walk_forward(Buys, BARS, {"fast": [1]}, train=10, test=5, zzz=1)
    with pytest.raises(TypeError, match=r"^cross_validate\(\) got .* write workers=2"):
        rbt.cross_validate(Buys, BARS, {"fast": [1]}, n_jobs=2)
    with pytest.raises(BadFolds, match="splitter must have split"):
        rbt.cross_validate(Buys, BARS, {"fast": [1]}, splitter="x")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n_splits": 5}, 'write train="2y", test="6mo"'),
        ({"cv": 5, "train": 10}, 'write train="2y", test="6mo"'),
        ({"train_size": 250, "test_size": 50}, 'write train="2y"'),
        ({"embargo_size": 5}, "write embargo="),
        ({"param_grid": {}}, "write params="),
    ],
    ids=lambda given: given if isinstance(given, str) else ",".join(given),
)
def test_words_for_a_walk_are_answered_before_an_argument_is_missed(given, said):
    with pytest.raises(TypeError, match=rf"^walk_forward\(\) got .*{said}"):
        rbt.walk_forward(Buys, BARS, **given)


def test_words_for_folds_are_answered_by_folds():
    with pytest.raises(TypeError, match=r"^cross_validate\(\) got .* write folds=5"):
        rbt.cross_validate(Buys, BARS, {"fast": [1]}, n_splits=5)


def test_a_grid_by_its_name_elsewhere_is_named_before_params_is_missed():
    with pytest.raises(TypeError, match=r"^sweep\(\) got .*'param_grid': write params="):
        rbt.sweep(Buys, BARS, param_grid={"fast": [1]})


@pytest.mark.parametrize(
    ("length", "sessions"),
    [
        ("6 months", 126),
        ("3 years", 756),
        ("1.5 Years", 378),
        ("1 quarter", 63),
        ("2Y", 504),
        ("12 weeks", 60),
        ("20 trading days", 20),
        ("250", 250),
        (np.timedelta64(365, "D"), 252),
        (pd.DateOffset(years=1, months=6), 378),
    ],
    ids=str,
)
def test_a_length_in_words_is_a_number_of_sessions(length, sessions):
    assert rows_of(length, "train") == sessions


@pytest.mark.parametrize(
    ("length", "said"),
    [
        ("180 days", "write '180d' for 180 sessions, or 124 for that many days"),
        ("6M", "write '6mo' for months"),
        ("half a year", "was 'half a year'$"),
        (pd.offsets.MonthEnd(3), "was <3 \\* MonthEnds>$"),
    ],
    ids=str,
)
def test_a_length_that_means_two_things_is_asked_about(length, said):
    with pytest.raises(BadFolds, match=said):
        rows_of(length, "train")


def test_a_length_of_days_is_a_length_of_sessions():
    assert rows_of(timedelta(days=365), "train") == 252
    with pytest.raises(BadFolds, match="train must be"):
        rows_of(timedelta(hours=5), "train")


@pytest.mark.parametrize("size", ["x", None, np.array([1, 2]), float("nan"), "10%"])
def test_a_size_of_signals_is_a_number_when_it_is_declared(size):
    closes = pl.col("close")
    with pytest.raises(StrategyError, match=r"size of signals\(\) must be a number"):
        rbt.signals(entries=closes > 1, exits=closes < 1, size=size)


def test_a_size_that_a_function_returns_is_a_number_when_it_runs():
    closes = pl.col("close")
    strategy = rbt.signals(entries=closes > 1, exits=closes < 1, size=lambda _: "10%")
    with pytest.raises(StrategyError, match=r"was '10%'.* order_target_percent\(asset, 0\.1\)"):
        rbt.backtest(strategy, BARS)


def test_a_size_of_a_part_of_a_share_is_a_hint():
    closes = pl.col("close")
    result = rbt.backtest(rbt.signals(entries=closes > 1, exits=closes < 1, size=0.1), BARS)
    assert "came to less than one lot" in result.hints[0].text


def test_a_metric_asked_for_as_an_attribute_is_an_item():
    metrics = rbt.backtest(Buys, BARS).metrics
    for word in ("sharpe", "sharpe_ratio", "Sharpe"):
        with pytest.raises(AttributeError, match=r'write metrics\["sharpe"\]'):
            getattr(metrics, word)
    with pytest.raises(AttributeError, match=r"no attribute 'foo'$"):
        _ = metrics.foo
    assert copy.deepcopy(metrics) == metrics


def test_what_is_no_pipeline_is_named():
    span = {"start": "2017-01-10", "end": "2017-01-12", "data": BARS}
    with pytest.raises(InvalidSetting, match="pipeline must be a Pipeline: was NoneType"):
        rbt.run_pipeline(None, **span)
    pipeline = Pipeline({"r": Returns(window_length=2)})
    with pytest.raises(InvalidSetting, match="chunks must be a number"):
        rbt.run_pipeline(pipeline, **span, chunks=0)
    with pytest.raises(InvalidSetting, match="loaders must be a dict"):
        rbt.run_pipeline(pipeline, **span, loaders=5)


@pytest.mark.parametrize(
    ("cost", "failure"), [(None, TypeError), ("x", TypeError), (float("nan"), ValueError)]
)
def test_a_commission_model_that_returns_no_money_is_named(cost, failure):
    class Forgets(CommissionModel):
        def calculate(self, order, transaction):
            return cost

    with pytest.raises(failure, match="calculate of Forgets must return the money"):
        rbt.backtest(Buys, BARS, commission=Forgets())


def test_a_paper_broker_says_where_costs_go():
    with pytest.raises(
        TypeError, match=r"PaperBroker\(\) takes no arguments: was commission; .*attach"
    ):
        rbt.PaperBroker(commission=rbt.PerShare(0.01))


def test_runs_are_compared_from_a_list_or_by_names():
    assert rbt.compare([RESULT, RESULT]).names == rbt.compare(RESULT, RESULT).names
    assert rbt.compare({"a": RESULT, "b": RESULT}).names == ("a", "b")
    with pytest.raises(SettingsError, match="takes results and sessions: was 5"):
        rbt.compare([RESULT, 5])


def test_orders_of_the_last_bar_are_hinted_at_as_such():
    result = rbt.backtest(Buys, BARS, start="2017-01-10", end="2017-01-10")

    assert "placed on the last bar" in str(result.hints[0])
