"""A mask given to a method narrows a factor's own; it does not replace it. Periods begin
where the calendar says.
"""

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.lib.adjustment import ADD
from rbtlive.pipeline import Pipeline
from rbtlive.pipeline.data import USEquityPricing
from rbtlive.pipeline.factors import Returns
from rbtlive.pipeline.mixins import period_starts
from rbtlive.pipeline.selections import Selections
from rbtlive.pipeline.windows import InputWindows, Loaded, Restatement, Revision
from tests.pipeline.test_engine import portal

close = USEquityPricing.close
START, END = "2016-02-01", "2016-02-12"


@pytest.mark.parametrize("method", ["rank", "demean", "zscore"])
def test_a_group_counts_those_alone_whom_both_masks_let_through(method: str):
    """A group with a member that the factor leaves out keeps its numbers."""
    own, other = close.latest > 30.0, close.latest < 80.0
    group = close.latest.quantiles(2)
    factor = Returns(window_length=4, mask=own)
    pipe = Pipeline(
        {
            "given": getattr(factor, method)(mask=other, groupby=group),
            "both": getattr(Returns(window_length=4), method)(mask=own & other, groupby=group),
            "narrowed": own & other,
            "other": other,
        }
    )

    table = rbt.run_pipeline(pipe, START, END, portal())

    assert (table["other"] & ~table["narrowed"]).any()  # the factor's own mask matters
    assert table.filter(pl.col("narrowed"))["given"].is_not_nan().any()
    assert table["given"].equals(table["both"])


def test_weeks_begin_on_monday_where_sundays_are_sessions():
    """ISO weeks, months, quarters and years, on a calendar of every day."""
    days = np.arange("2023-12-29", "2024-02-03", dtype="datetime64[D]")

    def starts(frequency):
        return days[period_starts(days, frequency)].astype(str).tolist()[1:]

    assert starts("week_start") == [
        "2024-01-01",
        "2024-01-08",
        "2024-01-15",
        "2024-01-22",
        "2024-01-29",
    ]
    assert starts("month_start") == ["2024-01-01", "2024-02-01"]
    assert starts("quarter_start") == starts("year_start") == ["2024-01-01"]


@pytest.mark.parametrize("changing", [1, 3, 50])
def test_windows_of_a_mask_that_changes_have_its_columns_as_restated(changing: int):
    """A few columns come and go each day, or many, and now and then none is left out:
    every window is a fresh selection from the adjusted values, also after a split or a
    revision in the middle. Windows that are left out change nothing in the others.
    """
    dice = np.random.Generator(np.random.PCG64(changing))
    rows, width, length = 60, 4_000, 7
    values = dice.normal(50.0, 5.0, (rows, width))
    days = rows - length + 1
    mask = np.empty((days, width), dtype=bool)
    mask[0] = dice.random(width) < 0.8
    for day in range(1, days):
        mask[day] = mask[day - 1]
        if day % 3:
            mask[day, dice.integers(0, width, changing)] ^= True
    mask[20], mask[30] = True, False
    restated = [
        Restatement(row, column, ratio)
        for row in range(0, rows, 4)
        for column in [*dice.integers(0, width, row % 3 * 200).tolist(), 7, 9, 7][: row + 1]
        for ratio in (0.5, 0.97)
    ]
    revised = [Revision(25, (18, 25), (10, 40), ADD, 1.0)]
    loaded = Loaded(values.copy(), restated, revisions=revised)

    windows = InputWindows(loaded, length, Selections(mask))

    seen, wanted = values.copy(), []
    for day, found in enumerate(windows):
        last = day + length - 1
        for row, column, ratio in restated:
            if row == last or (not day and row < last):
                seen[: row + 1, column] *= ratio
        if last == 25:
            revised[0].apply(seen)
        expected = seen[day : day + length][:, mask[day]]
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, expected)
        wanted.append(expected)
    assert day == days - 1
    sparse = InputWindows(loaded, length, Selections(mask))
    for day in sorted(dice.choice(days, 20, replace=False).tolist()):
        sparse.skip_to(day)
        np.testing.assert_array_equal(next(sparse), wanted[day])
