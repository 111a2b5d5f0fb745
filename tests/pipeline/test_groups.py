"""Functions of groups and quantiles over many rows at once: each has what its row and
group have alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rbtlive.pipeline import groups, ranks, rows

SHAPE = (23, 61)


def market(seed: int, labels: int) -> tuple[Any, Any, Any]:
    """Return values with equals and gaps, labels, and who counts."""
    dice = np.random.Generator(np.random.PCG64(seed))
    values = dice.normal(0.0, 3.0, SHAPE)
    values[:, ::5] = np.round(values[:, ::5])
    values[dice.random(SHAPE) < 0.1] = np.nan
    values[4] = np.nan
    chosen = dice.random(SHAPE) < 0.8
    chosen[7] = False
    return values, dice.integers(0, labels, SHAPE), chosen


def winsorized(members: Any, low: float, high: float) -> Any:
    """Return one group with its ends cut, as zipline does it."""
    cut, order = members.copy(), members.argsort()
    known = int(np.count_nonzero(~np.isnan(members)))
    first, last = int(low * known), int(np.ceil(high * known))
    if first:
        cut[order[:first]] = cut[order[first]]
    if last < known:
        cut[order[last:known]] = cut[order[last - 1]]
    return cut


def distances(members: Any) -> Any:
    """Return the distances of one group from its mean, added up as NumPy does."""
    missing = np.isnan(members)
    with np.errstate(invalid="ignore"):
        return members - np.where(missing, 0.0, members).sum() / np.count_nonzero(~missing)


def ranked(members: Any, method: str) -> Any:
    """Return the ranks of one group; none where a value is missing."""
    if np.isnan(members).any():
        return np.full(members.shape, np.nan)
    smaller = members[None, :] < members[:, None]
    equal = members[None, :] == members[:, None]
    before = smaller.sum(axis=1)
    return {
        "ordinal": before + np.tril(equal).sum(axis=1),
        "min": before + 1,
        "max": before + equal.sum(axis=1),
        "average": before + (equal.sum(axis=1) + 1) / 2,
    }[method]


@pytest.mark.parametrize("labels", [1, 4, 300, 70_000], ids=str)
@pytest.mark.parametrize("spread", [1, 10**14], ids=["near labels", "far labels"])
@pytest.mark.parametrize(
    ("function", "alone", "arguments"),
    [
        (groups.demean, distances, ()),
        (groups.winsorize, winsorized, (0.1, 0.7)),
        (groups.winsorize, winsorized, (0.0, 0.95)),
        (groups.winsorize, winsorized, (0.34, 1.0)),
        (ranks.row_ranks, ranked, ("ordinal",)),
        (ranks.row_ranks, ranked, ("min",)),
        (ranks.row_ranks, ranked, ("average",)),
        (ranks.row_ranks_descending, lambda one, how: ranked(-one, how), ("ordinal",)),
        (ranks.row_ranks_descending, lambda one, how: ranked(-one, how), ("max",)),
    ],
)
def test_a_group_has_the_digits_it_has_alone(
    function: Callable[..., Any],
    alone: Callable[..., Any],
    arguments: tuple[Any, ...],
    labels: int,
    spread: int,
):
    """Groups of all sizes, of one member, and rows that have none."""
    values, names, chosen = market(labels, labels)
    names = (names - 1) * spread
    expected = np.full(SHAPE, np.nan)
    for row in range(SHAPE[0]):
        for label in np.unique(names[row][chosen[row]]):
            some = chosen[row] & (names[row] == label)
            expected[row, some] = alone(values[row, some], *arguments)

    found = groups.by_group(values, names, chosen, function, arguments, np.full(SHAPE, np.nan))

    np.testing.assert_array_equal(found, expected)


def test_deviations_of_groups_are_those_of_the_population():
    """A zscore divides by n; a group of equals, or of one, has none."""
    values, names, chosen = market(2, 6)
    values[3, names[3] == 2] = 5.0
    expected = np.full(SHAPE, np.nan)
    with np.errstate(all="ignore"):
        for row in range(SHAPE[0]):
            for label in range(6):
                some = chosen[row] & (names[row] == label)
                if np.isfinite(values[row, some]).any():
                    expected[row, some] = distances(values[row, some]) / np.nanstd(
                        values[row, some]
                    )

    found = groups.by_group(values, names, chosen, groups.zscore, (), np.full(SHAPE, np.nan))

    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.isnan(found[3, names[3] == 2]).all()


@pytest.mark.parametrize("labels", [1, 5, 1_000])
def test_the_largest_of_a_group_is_its_first(labels: int):
    """Of equals the first column; who does not count is never chosen."""
    dice = np.random.Generator(np.random.PCG64(labels))
    bits, names = dice.integers(-4, 4, SHAPE), dice.integers(0, labels, SHAPE)
    wanted = dice.random(SHAPE) < 0.7
    expected = np.zeros(SHAPE, dtype=bool)
    for row in range(SHAPE[0]):
        for label in np.unique(names[row][wanted[row]]):
            places = np.flatnonzero(wanted[row] & (names[row] == label))
            expected[row, places[bits[row, places].argmax()]] = True

    found = groups.largest_by_group(bits, names, wanted)

    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("bins", [1, 2, 4, 10, 61])
def test_quantiles_are_those_of_each_row(bins: int):
    """A value on an edge is in the quantile below; the smallest is in the first."""
    dice = np.random.Generator(np.random.PCG64(bins))
    values = dice.normal(0.0, 1.0, (40, 400))
    values[dice.random(values.shape) < 0.2] = np.nan
    values[2, 100:] = np.nan
    values[3] = np.arange(400.0)[::-1]
    expected = np.full(values.shape, np.nan)
    for row, labels in zip(values, expected, strict=True):
        known = ~np.isnan(row)
        edges = np.percentile(row[known], np.linspace(0.0, 1.0, bins + 1) * 100.0)
        labels[known] = np.maximum(np.searchsorted(edges, row[known], side="left"), 1) - 1

    found = rows.quantile_labels(values, bins)

    np.testing.assert_array_equal(found, expected)
    assert np.nanmax(found) == bins - 1


def test_the_first_row_without_quantiles_is_named():
    """Its edges are in the message, of a later row they are not."""
    values = np.tile(np.arange(12.0), (60, 1))
    values[40, 2:] = 7.0
    values[50] = np.nan

    with pytest.raises(ValueError, match=r"\[0.0, 7.0, 7.0, 7.0, 7.0\] for 4 quantiles of 12"):
        rows.quantile_labels(values, 4)


@pytest.mark.parametrize("method", ["min", "max", "dense", "average"])
def test_a_row_that_lacks_a_value_has_no_ranks_wherever_it_stands(method: str):
    """Also behind a row that lacks none: what a day gives does not depend on the days
    it is computed with.
    """
    values = np.array([[2.0, 1.0, 1.0], [1.0, np.nan, 2.0]])
    mask = np.ones(values.shape, dtype=bool)

    both = ranks.masked_ranks(values, mask, np.nan, method=method, ascending=True)
    alone = ranks.masked_ranks(values[1:], mask[1:], np.nan, method=method, ascending=True)

    assert np.isnan(both[1]).all()
    assert np.isnan(alone).all()
    assert both[0].tolist() == {
        "min": [3, 1, 1], "max": [3, 2, 2], "dense": [2, 1, 1], "average": [3, 1.5, 1.5],
    }[method]  # fmt: skip


def test_one_quantile_holds_every_value_and_none_holds_nothing():
    """pandas lets the two edges of one quantile be equal, as those of a single asset."""
    values = np.array([[4.0, np.nan], [np.nan, np.nan], [2.0, 2.0], [1.0, 3.0]])
    expected = [[0.0, np.nan], [np.nan, np.nan], [0.0, 0.0], [0.0, 0.0]]

    np.testing.assert_array_equal(rows.quantile_labels(values, 1), expected)
    assert np.isnan(rows.quantile_labels(values, 0)).all()
