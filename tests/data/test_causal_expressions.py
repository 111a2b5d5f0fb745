"""Which expressions are known not to look ahead: those whose values stay when later
bars become known.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.windows.causal_expressions import is_causal
from rbtlive.model.arrays import np

CLOSE, OPEN = pl.col("close"), pl.col("open")
CAUSAL = [
    CLOSE,
    CLOSE.rolling_mean(10),
    CLOSE.rolling_sum(7, min_samples=2),
    CLOSE.rolling_std(5) / CLOSE.rolling_var(9),
    CLOSE.rolling_max(4) - OPEN.rolling_min(3),
    CLOSE.rolling_median(5) + CLOSE.rolling_quantile(0.3, window_size=6),
    CLOSE.ewm_mean(span=12) - CLOSE.ewm_mean(span=26),
    CLOSE.ewm_std(span=8),
    CLOSE.shift(3).fill_null(0),
    CLOSE.diff().clip(lower_bound=0).rolling_mean(14),
    CLOSE.pct_change(5).fill_null(strategy="forward").round(4),
    (CLOSE * OPEN).cum_sum() / OPEN.cum_sum() + CLOSE.cum_max() - CLOSE.cum_min(),
    pl.when(CLOSE > OPEN).then(1).otherwise(-CLOSE.sign()),
    pl.max_horizontal("open", "close").log().exp().sqrt() ** 2,
    (CLOSE.is_between(99, 101) & ~CLOSE.is_nan()).cast(pl.Int8).alias("inside"),
    CLOSE.abs().floor() + CLOSE.ceil().log1p(),
]
UNKNOWN = [
    CLOSE.shift(-1),
    CLOSE.diff(-1),
    CLOSE.pct_change(-2),
    CLOSE.shift(OPEN),
    CLOSE.diff(null_behavior="drop"),
    CLOSE.rolling_mean(3, center=True),
    CLOSE.rolling_mean(3, weights=[1, 2, 3]),
    CLOSE.rolling_map(sum, 3),
    CLOSE.reverse(),
    CLOSE.mean(),
    CLOSE / CLOSE.max(),
    CLOSE.clip(CLOSE.min()),
    CLOSE.cum_sum(reverse=True),
    CLOSE.fill_null(strategy="backward"),
    CLOSE.fill_null(strategy="mean"),
    CLOSE.rank(),
    CLOSE.interpolate(),
    CLOSE.is_duplicated(),
    (CLOSE > 1).any(),
    CLOSE.sort(),
    CLOSE.rolling_mean(3).over("open"),
    CLOSE + pl.lit(pl.Series([1.0, 2.0])),
    CLOSE.map_batches(lambda column: column),
    pl.len() * CLOSE,
    pl.when(CLOSE.median() < CLOSE).then(1).otherwise(0),
]


def bars_of(rows: int) -> pl.DataFrame:
    """Return opens and closes of a random walk in cents."""
    steps = np.random.default_rng(7).normal(0.0, 0.01, rows)
    closes = np.round(100 * np.exp(np.cumsum(steps)), 2)
    return pl.DataFrame({"open": np.roll(closes, 1), "close": closes})


@pytest.mark.parametrize("expression", CAUSAL, ids=str)
def test_a_causal_expression_has_the_same_bits_over_every_beginning(expression: pl.Expr) -> None:
    bars = bars_of(400)
    whole = bars.select(expression.cast(pl.Float64)).to_series()

    assert is_causal(expression)
    for rows in range(1, len(bars)):
        beginning = bars.head(rows).select(expression.cast(pl.Float64)).to_series()
        assert beginning.equals(whole.head(rows))


@pytest.mark.parametrize("expression", UNKNOWN, ids=str)
def test_an_expression_that_may_look_ahead_is_not_known_to_be_causal(expression: pl.Expr) -> None:
    assert not is_causal(expression)
    assert not is_causal(CLOSE + expression)


@pytest.mark.parametrize("gap", [None, 40], ids=["complete", "with a gap"])
def test_a_causal_expression_is_tried_on_few_beginnings_unless_bars_are_missing(
    gap: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = pl.date_range(date(2020, 1, 1), date(2020, 3, 20), eager=True)
    prices = bars_of(len(days)).select("open", "close", high=200.0, low=0.0, volume=100.0)
    bars = prices.with_columns(date=days, symbol=pl.lit("A"))
    market = rbt.PolarsDataPortal(
        bars if gap is None else bars.filter(pl.col("date") != days[gap]), calendar="24/7"
    )
    beginnings: list[int] = []
    head = pl.DataFrame.head

    def noted(frame: pl.DataFrame, rows: int) -> pl.DataFrame:
        beginnings.append(rows)
        return head(frame, rows)

    def initialize(context: Any) -> None:
        context.indicator("mean", CLOSE.rolling_mean(2))

    def handle_data(context: Any, data: Any) -> None:
        context.mean = data.current(context.symbol("A"), "mean")

    monkeypatch.setattr(pl.DataFrame, "head", noted)
    rbt.backtest({"initialize": initialize, "handle_data": handle_data}, market)

    assert beginnings[0] == 1
    assert beginnings[-1] == len(days) - 1
    assert len(beginnings) == 4 if gap is None else len(beginnings) > 20
