"""Ranks of each row of a cross-section, and the first few of them.

The rule: zipline's ties. Among equal values the lower sid comes first, in both
directions.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Mask, Values
from rbtlive.pipeline.picking import blank, blocks, partitioned, places_in_rows
from rbtlive.pipeline.sorting import RowSorter, turned
from rbtlive.pipeline.term import is_missing

_EXACT = 2**24  # numbers of 32 bits are exact up to here
_FEW = 4  # if less than this share of a table is ranked, it is moved out first


def as_floats(values: Values) -> Values:
    """Return values for sorting, one row after the other in memory; whole numbers and
    times keep their order.
    """
    numbers = np.ascontiguousarray(values)
    return numbers if values.dtype.kind == "f" else numbers.astype(np.int64).view(np.float64)


def ordinal_ranks(
    numbers: Values, lost: Mask, out: Values, sorter: RowSorter, *, blanked: bool = False
) -> None:
    """Write the rank of each value in its row, from 1; among equal values the first is
    lower.

    Args:
        numbers: Rows x assets.
        lost: The cells without a rank, which include all NaN.
        out: Array for the ranks, one row after the other in memory; NaN is written for
            those without.
        sorter: Sorts the rows; what comes first has rank 1.
        blanked: Whether all cells without a rank are NaN.
    """
    rows, width = numbers.shape
    ranked = _counting(rows, width)
    counts = np.add.reduce(lost.view(np.uint8), axis=1, dtype=np.uint32).tolist()
    gaps = any(counts)
    if gaps:
        ranked = ranked.copy()
        for line, count in zip(ranked, counts, strict=True):
            line[width - count :] = np.nan
    cells = sorter.sorted_cells(numbers, lost if gaps else None, blanked=blanked)
    found = np.empty(numbers.size, ranked.dtype)
    found[cells] = ranked.reshape(-1)
    out[:] = found.reshape(rows, width)


# With 32 bits, which are enough for all columns, less memory is written in the order of
# a sort.
@lru_cache(maxsize=4)
def _counting(rows: int, width: int) -> Values:
    kind = np.float32 if width < _EXACT else np.float64
    return np.tile(np.arange(1.0, width + 1, dtype=kind), (rows, 1))


# NaN that is not the missing value comes last, together with those that have no rank.
def _ranks_with_nan(numbers: Values, lost: Mask, out: Values) -> None:
    places = np.where(lost, np.nan, numbers).argsort(axis=1, kind="stable")
    np.put_along_axis(out, places, np.arange(1.0, numbers.shape[1] + 1)[None, :], axis=1)
    np.copyto(out, np.nan, where=lost)


def complete_ranks(numbers: Values, method: str, out: Values, sorter: RowSorter) -> None:
    """Write the rank of each value in its row, from 1; equal values have the same one.

    Source: `scipy.stats.rankdata`, for many rows at once.

    Args:
        numbers: Rows x assets, none of them missing.
        method: "min", "max", "average" or "dense"; with "ordinal" the first is lower.
        out: Array for the ranks, one row after the other in memory.
        sorter: Sorts the rows; what comes first has rank 1.
    """
    width = numbers.shape[1]
    if method == "ordinal":
        ordinal_ranks(numbers, np.zeros(numbers.shape, dtype=bool), out, sorter)
        return
    cells = sorter.sorted_cells(numbers, None)
    ordered = numbers.reshape(-1).take(cells)
    begins = np.empty(len(cells), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    begins[::width] = True
    starts = np.flatnonzero(begins)
    sizes = np.diff(starts, append=len(cells))
    if method == "dense":
        number = np.arange(1.0, len(starts) + 1)
        found = number - np.maximum.accumulate(np.where(starts % width, 0.0, number - 1.0))
    else:
        share = {"min": 0.0, "average": 0.5, "max": 1.0}[method]
        found = starts % width + 1.0 + share * (sizes - 1.0)
    out.reshape(-1)[cells] = np.repeat(found, sizes)


def masked_ranks(
    values: Values, mask: Mask, missing: Any, *, method: str, ascending: bool
) -> Values:
    """Return the rank of each value in its row, from 1; NaN if masked or missing.

    Ordinal ranks give the lower rank among equal values to the lower sid, in both
    directions. With any other method, a row with a missing value has no ranks. Source:
    zipline-reloaded 3.2.1, `lib/rank.pyx`.
    """
    mask = np.broadcast_to(mask, values.shape)
    all_nan = values.dtype.kind == "f" and bool(np.isnan(missing))  # all NaN is missing
    chosen = np.count_nonzero(mask)
    if method == "ordinal" and all_nan and chosen * _FEW < mask.size:
        return _ranks_of_few(values, mask, ascending=ascending)
    ranks, sorter = np.empty(values.shape), RowSorter(ascending=ascending)
    for some in blocks(len(values), values.shape[1]):
        lost, blanked = is_missing(values[some], missing), all_nan
        if chosen < mask.size:
            known = np.count_nonzero(lost)
            lost |= ~mask[some]
            blanked = all_nan and np.count_nonzero(lost) == known
        numbers = as_floats(values[some])
        if method != "ordinal":
            _whole_ranks(numbers, lost, method, ranks[some], sorter)
        elif all_nan or not (np.isnan(numbers) & ~lost).any():
            ordinal_ranks(numbers, lost, ranks[some], sorter, blanked=blanked)
        else:
            _ranks_with_nan(turned(numbers, ascending=ascending), lost, ranks[some])
    return ranks


# A row with a missing value has no ranks.
def _whole_ranks(numbers: Values, lost: Mask, method: str, out: Values, sorter: RowSorter) -> None:
    whole = ~lost.any(axis=1)
    found = np.empty((np.count_nonzero(whole), numbers.shape[1]))
    complete_ranks(numbers[whole], method, found, sorter)
    out[:] = np.nan
    out[whole] = found


# Ranks only the relevant values, moved to the left of each row, if they are a small
# part of a table.
def _ranks_of_few(values: Values, mask: Mask, *, ascending: bool) -> Values:
    cells = np.flatnonzero(mask)
    given = values.reshape(-1).take(cells)
    lost = np.isnan(given)
    if lost.any():
        cells, given = cells[~lost], given[~lost]
    _, moved = places_in_rows(cells, len(values), values.shape[1])
    few: Values = np.zeros(moved.shape)
    few[moved] = given
    found, sorter = np.empty(few.shape), RowSorter(ascending=ascending)
    for some in blocks(len(few), few.shape[1]):
        ordinal_ranks(few[some], ~moved[some], found[some], sorter)
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
            numbers = turned(as_floats(values[some]), ascending=ascending)
            _choose_first(numbers, lost, count=count, out=chosen[some])
    return chosen


def _choose_first(numbers: Values, lost: Mask, *, count: int, out: Mask) -> None:
    blank(numbers, lost)
    edge = partitioned(numbers, [count - 1])[:, count - 1 : count]
    np.less_equal(numbers, edge, out=out)
    few = np.isnan(edge[:, 0])  # rows with fewer than `count`
    if few.any():
        out[few] = ~lost[few]
    counts = np.count_nonzero(out, axis=1)
    for row in np.flatnonzero(counts > count).tolist():
        ties = np.flatnonzero(numbers[row] == edge[row])
        out[row, ties[len(ties) - int(counts[row]) + count :]] = False


def row_ranks(members: Values, method: str) -> Values:
    """Return the ranks within each row; a row with a missing value has none."""
    return _ranks_within(members, method, ascending=True)


def row_ranks_descending(members: Values, method: str) -> Values:
    """Return the ranks within each row, from the largest."""
    return _ranks_within(members.view(np.float64), method, ascending=False)


def _ranks_within(members: Values, method: str, *, ascending: bool) -> Values:
    if members.dtype == np.float64:
        found: Values = np.empty(members.shape)
        sorter = RowSorter(ascending=ascending)
        for some in blocks(*members.shape):
            lost = np.isnan(members[some])
            _whole_ranks(members[some], lost, method, found[some], sorter)
        return found
    from scipy.stats import rankdata

    result: Values = rankdata(members if ascending else -members, method=method, axis=1)
    return result
