"""Sorting the numbers of each row: exact, stable, and the same in every way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from rbtlive.pipeline import ranks, rolling, sorting


@pytest.mark.parametrize("width", [0, 1, 40, 512, 900, 1_100])
@pytest.mark.parametrize(
    "kind",
    [
        "prices",
        "changes",
        "far apart",
        "nearly zero",
        "negative",
        "last bits",
        "denormal",
        "powers",
        "one",
        "an outlier",
        "infinite",
        "both zeros",
        "none below zero",
    ],
)
@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_cells_are_sorted_by_all_bits_and_equals_by_column(
    kind: str, width: int, ascending: bool, left_out: int
):
    """Numbers of one key change places with neighbours, or are sorted another way if there
    are many; numbers of both signs have keys of their own. Every way gives the same.
    """
    dice = np.random.Generator(np.random.PCG64(width))
    values = dice.normal(0.0, 1.0, (35, width))
    values = {
        "prices": 50.0 + 5.0 * values,
        "changes": values,
        "far apart": np.exp(values * 20.0),
        "nearly zero": np.where(dice.random(values.shape) < 0.1, values, values * 1e-12),
        "negative": -np.exp(values),
        "last bits": np.round(values, 1) / 3.0 + dice.integers(-4, 5, values.shape) * 2.0**-51,
        "denormal": np.round(values * 20.0) * 5e-324,
        "powers": 2.0 ** np.round(values * 9.0),
        "one": np.full(values.shape, -7.5),
        "an outlier": np.where(dice.random(values.shape) < 0.001, 1e9, values),
        "infinite": np.where(dice.random(values.shape) < 0.1, np.inf, abs(values)),
        "both zeros": np.round(values) * 0.25,
        "none below zero": np.where(abs(values) < 0.02, values * 0.0, abs(values)),
    }[kind]
    if kind not in {"denormal", "powers"}:
        values[:, ::9] = np.round(values[:, ::9], 1)
    not_known = dice.random(values.shape) < 0.05
    values[not_known] = np.copysign(np.nan, dice.normal(0.0, 1.0, np.count_nonzero(not_known)))
    lost = np.isnan(values) | (dice.random(values.shape) < 0.02)

    wanted = np.where(lost, np.nan, values if ascending else -values)
    expected = np.argsort(wanted, axis=1, kind="stable")
    known = ~np.isnan(np.take_along_axis(wanted, expected, 1))
    sorter = sorting.RowSorter(ascending=ascending)
    del sorter._ways[:left_out]
    cells = sorter.sorted_cells(values, lost if lost.any() else None)
    blank = np.where(lost, np.nan, values)
    again = sorter.sorted_cells(blank, lost if lost.any() else None, blanked=True)

    np.testing.assert_array_equal(again, cells)
    columns = cells.reshape(values.shape) - np.arange(35)[:, None] * width
    np.testing.assert_array_equal(columns[known], expected[known])
    np.testing.assert_array_equal(np.sort(columns, axis=1), np.sort(expected, axis=1))


def test_masked_numbers_stay_behind_those_with_all_bits_set():
    """The largest number of a block has the highest bits but one: the highest are those of
    masked numbers. `steps` numbers are one step apart, and as many as there is room for.
    """
    for steps in (2**22 - 1, 2**22, 2**22 + 1, 2**23 - 1, 2**23, 2**24 - 2):
        whole = np.array([[steps, 7, steps - 1, 0, steps, 3] + [1] * 506], dtype=np.int64)
        lost = np.array([[False, True] * 3 + [False] * 506])

        cells = sorting.RowSorter(ascending=True).sorted_cells(whole.view(np.float64), lost)

        assert cells.tolist() == [*range(6, 512), 2, 0, 4, 1, 3, 5]


def test_a_way_that_leaves_too_many_numbers_of_one_key_is_not_tried_again():
    """Next to infinity all numbers have the same upper bits, on both scales; changes of
    both signs have the linear one.
    """
    dice = np.random.Generator(np.random.PCG64(2))
    changes = dice.normal(0.0, 1.0, (4, 900))
    crowded = 1.0 + abs(changes) * 1e-9
    crowded[0, 0] = 1e12
    sorter = sorting.RowSorter(ascending=True)

    sorter.sorted_cells(changes, None)
    both = list(sorter._ways)
    sorter.sorted_cells(crowded, None)

    assert both == [sorting._spans_of_bits, sorting._linear_spans]
    assert sorter._ways == []


def test_numbers_out_of_order_change_places_with_their_neighbours():
    """Every row of such prices is in order without a second sort."""
    dice = np.random.Generator(np.random.PCG64(1))
    values = dice.normal(50.0, 5.0, (30, 900))
    cells = np.round(values * 1_000.0).argsort(axis=1, kind="stable")
    cells += (np.arange(30) * 900)[:, None]
    before = np.count_nonzero(np.diff(values.reshape(-1)[cells], axis=1) < 0)

    near = np.tile(np.arange(900) < 899, 30)
    sorted_now = sorting._swap_neighbours(cells.reshape(-1), values, near, ascending=True)

    assert before > 50
    assert sorted_now
    assert (np.diff(values.reshape(-1)[cells], axis=1) >= 0).all()


def test_ranks_of_more_assets_than_any_market_has_are_scipys():
    """Counts up to the last asset are exact, and masked assets have none."""
    dice = np.random.Generator(np.random.PCG64(3))
    values = dice.normal(50.0, 9.0, (3, 70_001))
    mask = dice.random(values.shape) < 0.9

    found = ranks.masked_ranks(values, mask, np.nan, method="ordinal", ascending=True)

    for row, chosen, given in zip(found, mask, values, strict=True):
        np.testing.assert_array_equal(row[chosen], rankdata(given[chosen], method="ordinal"))
        assert np.isnan(row[~chosen]).all()


@pytest.mark.parametrize("width", [3_072, 3_073, 8_001])
def test_windows_of_wide_tables_are_added_up_from_their_oldest_row_on(width: int):
    """A table added up in blocks of columns has each sum once, to the last digit."""
    values = np.random.Generator(np.random.PCG64(4)).normal(0.0, 1.0, (40, width))

    found = rolling.rolling_sum(values, 20, 0)

    expected = [np.add.accumulate(values[day : day + 20], axis=0)[-1] for day in range(21)]
    np.testing.assert_array_equal(found, expected)
