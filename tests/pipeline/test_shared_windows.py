"""Terms over the same windows share what they have in common, and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from polars.testing import assert_frame_equal

import rbtlive as rbt
from rbtlive.pipeline import Pipeline, rolling
from rbtlive.pipeline.data import USEquityPricing
from rbtlive.pipeline.factors import (
    VWAP,
    AverageDollarVolume,
    BollingerBands,
    SimpleMovingAverage,
)
from tests.pipeline.test_engine import portal

START, END = "2016-01-11", "2016-04-15"  # splits, dividends, gaps, listings and ends
close, volume = USEquityPricing.close, USEquityPricing.volume


def terms() -> dict[str, Any]:
    """Return terms of the same windows, masked differently, or over different days."""
    half = AverageDollarVolume(window_length=5).percentile_between(50, 100)
    mean = SimpleMovingAverage(inputs=[close], window_length=12)
    return {
        "mean": mean,
        "masked": SimpleMovingAverage(inputs=[close], window_length=12, mask=half),
        "narrow": BollingerBands(window_length=12, k=1).upper,
        "wide": BollingerBands(window_length=12, k=2, mask=half).lower,
        "of volume": SimpleMovingAverage(inputs=[volume], window_length=12),
        "earlier": SimpleMovingAverage(inputs=[close], window_length=12).zscore().rank(),
        "money": AverageDollarVolume(window_length=9),
        "vwap": VWAP(window_length=9),
        "masked money": AverageDollarVolume(window_length=9, mask=half),
        "masked vwap": VWAP(window_length=9, mask=half),
        "longer": VWAP(window_length=10),
    }


@pytest.mark.parametrize("chunks", [7, 252])
def test_a_term_has_the_same_numbers_alone_and_beside_others(chunks: int):
    """Across splits and dividends, with masks, whoever is computed first."""
    both = rbt.run_pipeline(Pipeline(terms()), START, END, portal(), chunks=chunks)
    turned = dict(reversed(terms().items()))
    other_way = rbt.run_pipeline(Pipeline(turned), START, END, portal(), chunks=chunks)

    for name, term in terms().items():
        alone = rbt.run_pipeline(Pipeline({name: term}), START, END, portal(), chunks=chunks)
        columns = ["date", "symbol", name]
        assert_frame_equal(both[columns], alone, check_exact=True)
        assert_frame_equal(other_way[columns], alone, check_exact=True)


def test_a_mean_or_sum_of_the_same_windows_is_computed_once(monkeypatch: pytest.MonkeyPatch):
    """Four terms of the closes of twelve days; four of the money of nine."""
    calls: Counter[tuple[str, int]] = Counter()

    def counted(name: str) -> Any:
        plain = getattr(rolling, name)

        def call(values: Any, length: int, first: int) -> Any:
            calls[name, length] += 1
            return plain(values, length, first)

        return call

    for name in ("known_mean", "known_sum"):
        monkeypatch.setattr(rolling, name, counted(name))
    unadjusted = rbt.PolarsDataPortal(portal().to_frame())

    rbt.run_pipeline(Pipeline(terms()), START, END, unadjusted)

    # Closes, volumes, and squares of two terms; products, and volumes of two terms.
    assert calls["known_mean", 12] == 4
    assert calls["known_sum", 9] == 3
