"""Indicators of a market: their values, and which expressions are refused."""

from __future__ import annotations

import polars as pl
import pytest

from rbtlive.errors import LookAheadIndicator, StrategyError
from tests.data.markets import DAYS, Run, splits
from tests.data.test_market import BOTH, RISING, portal, shown, window


@BOTH
def test_an_indicator_has_the_value_of_its_expression_over_the_rows_so_far(live: bool) -> None:
    run = Run(
        portal(
            {"A": [10.0, 12.0, None, 6.0, 8.0], "B": RISING}, splits=splits(("A", DAYS[3], 0.5))
        ),
        live=live,
    )
    run.market.add_column("mean", pl.col("price").rolling_mean(2))
    values = []

    for day in range(5):
        run.to_bar(day)
        values.append(run.market.column_value(0, "mean"))

    assert shown(values) == [None, 11, 12, 6, 7]
    assert window(run, "mean", 5) == [None, 5.5, 6, 6, 7]
    assert run.market.windows.series(0, "mean", run.market.windows.span(2, "1d")).to_list() == [
        6,
        7,
    ]


@BOTH
@pytest.mark.parametrize(
    "expression",
    [
        pl.col("close").shift(-1),
        pl.col("close").reverse(),
        pl.col("close") / pl.col("close").mean(),
        pl.col("close").max(),
    ],
    ids=["shift", "reverse", "mean", "max"],
)
def test_an_indicator_that_looks_ahead_is_refused(live: bool, expression: pl.Expr) -> None:
    run = Run(portal({"A": RISING}), live=live)
    run.market.add_column("seer", expression)

    def read_every_day() -> None:
        for day in range(4):
            run.to_bar(day)
            run.market.column_value(0, "seer")

    with pytest.raises(LookAheadIndicator, match="'seer' must not look ahead: of A"):
        read_every_day()


@BOTH
@pytest.mark.parametrize(
    ("expression", "expected"), [(pl.lit(2), 2.0), (pl.col("close").first(), 10.0)]
)
def test_an_expression_that_gives_one_value_gives_it_at_every_bar(
    live: bool, expression: pl.Expr, expected: float
) -> None:
    run = Run(portal({"A": [10.0, 12.0, 11.0, 6.0, 8.0]}), live=live)
    run.market.add_column("one", expression)
    values = []

    for day in range(5):
        run.to_bar(day)
        values.append(run.market.column_value(0, "one"))

    assert values == [expected] * 5


def test_an_indicator_needs_a_name_of_its_own_and_a_usable_expression() -> None:
    run = Run(portal({"A": RISING}))

    with pytest.raises(StrategyError, match="'close'"):
        run.market.add_column("close", pl.col("open"))
    with pytest.raises(StrategyError, match="must be a Polars expression"):
        run.market.add_column("mean", "close")  # type: ignore[arg-type]
    run.market.add_column("typo", pl.col("clse"))
    run.to_bar(0)
    with pytest.raises(StrategyError, match="open, high, low, close, volume, price"):
        run.market.column_value(0, "typo")
