"""Ranks of each row of a cross-section, and the first few of them.

The rule: zipline's ties. Among equal values the lower sid comes first, in both
directions.
"""

from __future__ import annotations

from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Mask, Values
from rbtlive.pipeline.picking import as_float32, blocks, few_smallest, places_in_rows
from rbtlive.pipeline.sorting import sorted_cells, sorted_places
from rbtlive.pipeline.term import is_missing

_FEW = 4  # if less than this share of a table is ranked, it is moved out first


def as_floats(values: Values) -> Values:
    """Return values for sorting; whole numbers and times keep their order."""
    return values if values.dtype.kind == "f" else values.astype(np.int64).view(np.float64)


# Numbers in the wanted order, NaN for missing ones; -0.0 becomes 0.0.
def _ordered(values: Values, lost: Mask, *, ascending: bool) -> Values:
    numbers = _turned(as_floats(values), ascending=ascending)
    np.copyto(numbers, np.nan, where=lost)
    return numbers


def _turned(numbers: Values, *, ascending: bool) -> Values:
    turned: Values = numbers + 0.0 if ascending else 0.0 - numbers
    return turned


def ordinal_ranks(numbers: Values, out: Values) -> None:
    """Write the rank of each value in its row, from 1; among equal values the first is
    lower.

    Args:
        numbers: Rows x assets; a missing value is NaN, a zero is never -0.0.
        out: Array for the ranks, one row after the other in memory.
    """
    counting = np.arange(1.0, numbers.shape[1] + 1)
    cells = sorted_cells(numbers)
    if cells is not None:
        out.reshape(-1)[cells] = np.tile(counting, len(numbers))
        return
    for line, places in zip(out, sorted_places(numbers), strict=True):
        line[places] = counting


def masked_ranks(
    values: Values, mask: Mask, missing: Any, *, method: str, ascending: bool
) -> Values:
    """Return the rank of each value in its row, from 1; NaN if masked or missing.

    Ordinal ranks give the lower rank among equal values to the lower sid, in both
    directions. With any other method, a row with a missing value has no ranks. Source:
    zipline-reloaded 3.2.1, `lib/rank.pyx`.
    """
    mask = np.broadcast_to(mask, values.shape)
    if method == "ordinal" and np.count_nonzero(mask) * _FEW < mask.size:
        return _ranks_of_few(values, mask, missing, ascending=ascending)
    ranks = np.empty(values.shape)
    for some in blocks(len(values), values.shape[1]):
        lost = is_missing(values[some], missing)
        lost |= ~mask[some]
        numbers = _ordered(values[some], lost, ascending=ascending)
        if method == "ordinal":
            ordinal_ranks(numbers, ranks[some])
        else:
            from scipy.stats import rankdata

            whole = ~lost.any(axis=1)  # another row has no ranks
            ranks[some] = np.nan
            ranks[some][whole] = rankdata(numbers[whole], method=method, axis=1)
        np.copyto(ranks[some], np.nan, where=lost)
    return ranks


# Ranks only the relevant values, moved to the left of each row, if they are a small
# part of a table.
def _ranks_of_few(values: Values, mask: Mask, missing: Any, *, ascending: bool) -> Values:
    cells = np.flatnonzero(mask)
    given = values.reshape(-1).take(cells)
    lost = is_missing(given, missing)
    if lost.any():
        cells, given = cells[~lost], given[~lost]
    _, moved = places_in_rows(cells, len(values), values.shape[1])
    few: Values = np.full(moved.shape, np.nan)
    few[moved] = _turned(as_floats(given), ascending=ascending)
    found = np.empty(few.shape)
    for some in blocks(len(few), few.shape[1]):
        ordinal_ranks(few[some], found[some])
    ranks = np.full(values.shape, np.nan)
    ranks.reshape(-1)[cells] = found[moved]
    return ranks


def first_ranked(
    values: Values, mask: Mask, missing: Any, *, count: int, ascending: bool
) -> Values:
    """Return where the ordinal rank is at most `count`, without ranking everything.

    Args:
        values: Rows x assets.
        mask: The values to include.
        missing: The value that means missing.
        count: Number of values wanted per row.
        ascending: Whether the smallest are wanted.
    """
    mask = np.broadcast_to(mask, values.shape)
    chosen = np.zeros(values.shape, dtype=bool)
    for some in blocks(len(values), values.shape[1]):
        lost = is_missing(values[some], missing)
        lost |= ~mask[some]
        if count >= values.shape[1]:
            np.logical_not(lost, out=chosen[some])
        elif count > 0:
            numbers = _turned(as_floats(values[some]), ascending=ascending)
            rough = as_float32(numbers) if values.dtype.kind == "f" else numbers.copy()
            _choose_first(numbers, rough, lost, count=count, out=chosen[some])
    return chosen


# Rough numbers decide; for equal ones at the boundary, all bits.
def _choose_first(numbers: Values, rough: Values, lost: Mask, *, count: int, out: Mask) -> None:
    np.copyto(rough, np.inf, where=lost)
    few = few_smallest(rough, count, rough)
    edge = np.partition(few, count - 1, axis=1)[:, count - 1 : count]
    np.less_equal(rough, edge, out=out)
    counts = np.count_nonzero(out if few is rough else few <= edge, axis=1)
    for row in np.flatnonzero(np.isinf(edge[:, 0])).tolist():  # the boundary may be a missing value
        out[row] &= ~lost[row]
        counts[row] = np.count_nonzero(out[row])
    for row in np.flatnonzero(counts > count).tolist():
        ties = np.flatnonzero(out[row] & (rough[row] == edge[row]))
        surplus = int(counts[row]) - count
        order = np.argsort(numbers[row, ties], kind="stable")
        out[row, ties[order[len(ties) - surplus :]]] = False


def row_ranks(members: Values, method: str) -> Values:
    """Return the ranks within each row; a row with a missing value has none."""
    return _ranks_within(members, method, ascending=True)


def row_ranks_descending(members: Values, method: str) -> Values:
    """Return the ranks within each row, from the largest."""
    return _ranks_within(members.view(np.float64), method, ascending=False)


def _ranks_within(members: Values, method: str, *, ascending: bool) -> Values:
    if method == "ordinal" and members.dtype == np.float64:
        found: Values = np.empty(members.shape)
        for some in blocks(*members.shape):
            ordinal_ranks(_turned(members[some], ascending=ascending), found[some])
        found[np.isnan(members).any(axis=1)] = np.nan
        return found
    from scipy.stats import rankdata

    result: Values = rankdata(members if ascending else -members, method=method, axis=1)
    return result
