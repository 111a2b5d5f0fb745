"""Figures: each kind draws, keeps its extremes, stays small, and escapes what users wrote."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import ResultError, SettingsError
from rbtlive.research.figures.axis_ticks import bin_counts
from rbtlive.research.figures.figure_style import extremes
from rbtlive.research.figures.kinds import FIGURES
from rbtlive.research.figures.price import merged
from rbtlive.research.result import BacktestResult
from rbtlive.research.run_bars import bars_of_columns
from tests.builders import daily_frame
from tests.research import builders
from tests.research.builders import run_of

MOST_BYTES = 1_500_000


class Turns(builders.Turns):
    """The same, with a stop."""

    def handle_data(self, context, data):
        super().handle_data(context, data)
        if context.bars == 8:
            self.order(context.asset, -5, stop_price=1.0)


@pytest.fixture(scope="module")
def result() -> BacktestResult:
    return rbt.backtest(Turns, daily_frame(80), benchmark="BBB")


@pytest.mark.parametrize("kind", FIGURES)
def test_every_kind_draws_and_its_page_is_small_and_offline(result, kind, tmp_path):
    figure = result.plot(kind)

    assert len(figure.data)
    path = result.save_html(tmp_path / f"{kind}.html", kind)
    page = path.read_text(encoding="utf-8")
    assert path.stat().st_size < MOST_BYTES
    assert not re.findall(r"<(?:script|link)[^>]*(?:src|href)=", page)


def test_the_price_has_candles_volume_fills_and_stops(result):
    figure = result.plot("price", symbol="AAA")

    names = [trace.name for trace in figure.data]
    assert names == ["AAA", "Volume", "Bought", "Sold", "Stop"]
    bought = figure.data[2]
    prices = result.transactions.filter(pl.col("amount") > 0)["price"].cast(pl.Float64)
    assert list(bought.y) == prices.to_list()
    assert list(figure.data[4].y) == [1.0, 1.0, None]


def test_merged_candles_keep_the_highest_and_the_lowest_price():
    random = np.random.default_rng(3)
    close = 100 + np.cumsum(random.normal(0, 1, 500_000))
    bars = bars_of_columns(
        {
            "us": np.arange(500_000),
            "open": close,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "volume": np.ones(500_000),
        }
    )

    fewer = merged(bars, 700)

    assert len(fewer.us) == 700
    assert fewer.high.max() == bars.high.max()
    assert fewer.low.min() == bars.low.min()
    assert (fewer.open[0], fewer.close[-1]) == (bars.open[0], bars.close[-1])
    assert fewer.volume.sum() == 500_000


def test_thinned_lines_keep_every_peak_and_trough():
    values = np.zeros(100_000)
    values[[77, 5_003, 99_990]] = [9.0, -7.0, 8.0]

    places = extremes(values, 1000)

    assert len(places) <= 1000
    assert {0, 77, 5_003, 99_990, 99_999} <= set(places.tolist())


def test_what_cannot_be_drawn_is_said(result):
    with pytest.raises(SettingsError, match="kind must be one of"):
        result.plot("pie")
    with pytest.raises(SettingsError, match="symbol belongs to"):
        result.plot("monthly", symbol="AAA")
    with pytest.raises(ResultError, match="no price of ZZZ"):
        result.plot("price", symbol="ZZZ")
    with pytest.raises(ResultError, match="nothing was traded"):
        BacktestResult(run_of([10_000, 10_001])).plot("price")
    with pytest.raises(ResultError, match="no trades to plot"):
        BacktestResult(run_of([10_000, 10_001])).plot("trades")


@pytest.mark.parametrize(
    "kind", [kind for kind in FIGURES if kind not in {"price", "trades", "excursions"}]
)
def test_a_flat_run_of_two_sessions_draws_without_a_warning(kind):
    assert BacktestResult(run_of([10_000, 10_000])).plot(kind) is not None


def test_a_loaded_result_draws_its_price(result, tmp_path):
    loaded = BacktestResult.load(result.save(tmp_path / "run"))

    assert list(loaded.plot("price").data[0].close) == list(result.plot("price").data[0].close)


def test_a_name_cannot_end_the_script(tmp_path):
    hostile = "</script><script>alert(1)</script>"
    run = BacktestResult(run_of([10_000, 10_001], name=hostile))

    page = run.save_html(tmp_path / "x.html", "drawdown").read_text(encoding="utf-8")

    assert "<script>alert(1)" not in page


class Recording(Turns):
    """Records an average, a ratio, and a text."""

    def handle_data(self, context, data):
        super().handle_data(context, data)
        closes = data.history(context.asset, "close", 3, "1d")
        self.record(average=closes.mean(), ratio=closes[-1] / closes[0], mood="calm")


@pytest.fixture(scope="module")
def recorded() -> BacktestResult:
    return rbt.backtest(Recording, daily_frame(80))


def lines_of(figure):
    """The indicators of a price figure by name, and the axis of each."""
    drawn = {"AAA", "Volume", "Bought", "Sold", "Stop", "Limit"}
    return {trace.name: trace.yaxis for trace in figure.data if trace.name not in drawn}


def test_recorded_values_of_the_size_of_prices_stand_over_the_candles(recorded):
    figure = recorded.plot("price")

    assert lines_of(figure) == {"average": "y"}
    average = next(trace for trace in figure.data if trace.name == "average")
    assert list(average.y) == pytest.approx(recorded.performance["average"].to_list())


def test_indicators_are_recorded_names_or_expressions_over_the_bars(recorded):
    close = pl.col("close")
    wanted = {"mean": close.rolling_mean(5), "ratio": "ratio", "change": close.pct_change()}

    figure = recorded.plot("price", indicators=wanted)

    assert lines_of(figure) == {"mean": "y", "ratio": "y3", "change": "y4"}
    mean = next(trace for trace in figure.data if trace.name == "mean")
    bars = daily_frame(80).filter(symbol="AAA").sort("date")
    expected = bars.select(close.rolling_mean(5))["close"].to_list()
    shown = [float(value) for value in mean.y]
    known = [value for value in expected if value is not None]
    assert shown[-len(known) + 4 :] == pytest.approx(known[4:])
    assert len(lines_of(recorded.plot("price", indicators=["average", close.rolling_max(3)]))) == 2
    assert len(lines_of(recorded.plot("price", indicators=close.rolling_min(3)))) == 1


@pytest.mark.parametrize(
    ("indicators", "words"),
    [
        ("mood", "recorded were"),
        ({"x": 3}, "must be names or polars expressions"),
        (pl.col("missing").mean(), "expression over open, high, low, close, volume"),
        (pl.col("close").mean(), "a value a bar"),
    ],
)
def test_an_indicator_that_is_none_is_refused(recorded, indicators, words):
    with pytest.raises(SettingsError, match=words):
        recorded.plot("price", indicators=indicators)


def test_indicators_belong_to_the_price(recorded):
    with pytest.raises(SettingsError, match="belong to plot"):
        recorded.plot("drawdown", indicators="average")


@pytest.mark.parametrize(
    "values",
    [[-0.002], [0.0] * 30, [0.01, 0.01], [-0.031, 0.004, 0.02, 0.0], [1e-15, -1e-15], [0.3, 0.7]],
)
def test_bins_count_every_value_and_mix_no_gain_with_a_loss(values):
    counts, edges = bin_counts(np.array(values), most=80)

    assert counts.sum() == len(values)
    assert np.all(np.diff(edges) > 0)
    assert edges[0] <= min(values)
    assert edges[-1] >= max(values)
    mixed = (edges[:-1] < -1e-12) & (edges[1:] > 1e-12)
    if min(values) < 0 < max(values) and max(values) > 1e-9:
        assert not mixed.any()
    if len(set(values)) == 1:
        assert counts.max() == len(values)
        assert edges[-1] - edges[0] < 3 * max(abs(values[0]), 1e-3)


def test_a_single_session_that_lost_is_drawn_as_a_loss_where_it_is():
    counts, edges = bin_counts(np.array([-0.002]), most=80)

    place = int(np.argmax(counts))

    assert edges[place] < -0.002 < edges[place + 1] < 0


def test_the_volatility_of_a_rolling_figure_is_in_percent(result):
    figure = result.plot("rolling")

    assert [figure.layout[f"yaxis{n}"].tickformat for n in ("", "2")] == [None, "~%"]
