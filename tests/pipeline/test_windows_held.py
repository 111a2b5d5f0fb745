"""A compute may hold on to its windows: they stay what they were."""

from typing import Any

import numpy as np
import pytest

import rbtlive as rbt
from rbtlive.pipeline import CustomFactor, Pipeline
from rbtlive.pipeline.data import USEquityPricing
from rbtlive.pipeline.factors import AverageDollarVolume
from tests.pipeline.test_engine import END, START, portal


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("part", [slice(None), -1])
def test_a_split_or_dividend_changes_no_window_of_an_earlier_day(masked: bool, part: Any):
    """A whole window, or its last row: held for as long as the pipeline is computed."""
    held: list[tuple[Any, Any]] = []

    class Holding(CustomFactor):
        inputs = (USEquityPricing.close, USEquityPricing.volume)
        window_length = 9

        def compute(self, today, assets, out, close, volume):
            held.extend((one[part], one[part].copy()) for one in (close, volume))
            out[:] = close[0]

    class Plain(Holding):
        def compute(self, today, assets, out, close, volume):
            out[:] = close[0]

    mask = AverageDollarVolume(window_length=5).top(8) if masked else None
    tables = [
        rbt.run_pipeline(Pipeline({"x": kind(mask=mask)}), START, END, portal())
        for kind in (Holding, Plain)
    ]

    assert len(held) == 2 * tables[0]["date"].n_unique()
    for now, then in held:
        np.testing.assert_array_equal(now, then)
    assert tables[0].equals(tables[1])
