"""Ranks of each row of a cross-section, and the first few of them.

The rule: zipline's ties. Of equals the lower sid comes first, in both directions.
"""

from __future__ import annotations

from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Mask, Places, Values
from rbtlive.pipeline.term import is_missing

_CACHED = 32_768  # so many numbers stay in a processor's cache


def as_floats(values: Values) -> Values:
    """Return values for sorting; whole numbers and times keep their order."""
    if values.dtype.kind == "f":
        return values.copy()
    return values.astype(np.int64).view(np.float64).copy()


# Numbers in the order wanted, NaN where there is none.
def _ordered(values: Values, lost: Mask, *, ascending: bool) -> Values:
    numbers = as_floats(values)
    if not ascending:
        np.negative(numbers, out=numbers)
    numbers += 0.0  # -0.0 is 0.0
    np.copyto(numbers, np.nan, where=lost)
    return numbers


# Whole numbers that sort as the numbers do, but for those that are one float32; NaN
# comes last.
def _keys(numbers: Values) -> Values:
    with np.errstate(over="ignore"):
        bits = numbers.astype(np.float32).view(np.int32)
    flipped = bits >> 31  # all ones of a negative number, whose bits sort backwards
    flipped |= np.int32(-(2**31))
    bits ^= flipped
    return bits.view(np.uint32)


def _sorted_places(numbers: Values) -> Values:
    """Return the columns of each row from its smallest number on, equals by column.

    NumPy sorts numbers of 16 bits by their digits, stably and in a fifth of the time of
    longer ones: here the lower half of each key first, then the upper one. A row in
    which numbers of the same key are out of order is sorted again where that is so.
    """
    keys = _keys(numbers)
    places = (keys & np.uint32(0xFFFF)).astype(np.uint16).argsort(axis=1, kind="stable")
    upper = (keys >> np.uint32(16)).astype(np.uint16)
    for row, given, line in zip(places, upper, numbers, strict=True):
        row[:] = row.take(given.take(row).argsort(kind="stable"))
        ordered = line.take(row)
        if np.count_nonzero(ordered[1:] < ordered[:-1]):
            _sort_equal_keys(row, line)
    return places


# Where a number's key is that of a neighbour, the numbers themselves decide.
def _sort_equal_keys(places: Places, numbers: Values) -> None:
    ordered = _keys(numbers[places])
    equal = ordered[1:] == ordered[:-1]
    equal &= ~np.isnan(numbers[places[1:]])
    near = np.append(equal, False)
    near[1:] |= equal
    some = places[near]
    places[near] = some[np.lexsort((some, numbers[some]))]


def ordinal_ranks(numbers: Values) -> Values:
    """Return the rank of each value in its row, from 1; of equals the first is
    lower.

    Args:
        numbers: Rows x assets; a missing value is NaN, a zero is never -0.0.
    """
    rows, width = numbers.shape
    ranks = np.empty((rows, width))
    counting = np.arange(1.0, width + 1)
    step = max(1, _CACHED // max(1, width))
    for low in range(0, rows, step):
        for row, places in enumerate(_sorted_places(numbers[low : low + step]), low):
            ranks[row][places] = counting
    return ranks


# What is ranked, moved to the left of each row, where little of a row is.
def _ranks_of_few(numbers: Values, lost: Mask, most: int) -> Values:
    rows, columns = np.nonzero(~lost)
    begins = np.searchsorted(rows, np.arange(len(numbers)))
    places = np.arange(len(rows)) - begins[rows]
    few = np.full((len(numbers), most), np.nan)
    few[rows, places] = numbers[rows, columns]
    ranks = np.full(numbers.shape, np.nan)
    if most:
        ranks[rows, columns] = ordinal_ranks(few)[rows, places]
    return ranks


def masked_ranks(
    values: Values, mask: Mask, missing: Any, *, method: str, ascending: bool
) -> Values:
    """Return the rank of each value in its row, from 1; NaN where masked or missing.

    Ordinal ranks give the lower one of equals to the lower sid, in both directions. By
    any other method, a row in which one is missing has no ranks.
    Source: zipline-reloaded 3.2.1, `lib/rank.pyx`.
    """
    lost = is_missing(values, missing)
    lost |= ~mask
    numbers = _ordered(values, lost, ascending=ascending)
    if method != "ordinal":
        from scipy.stats import rankdata

        ranks = np.apply_along_axis(rankdata, 1, numbers, method=method).astype(np.float64)
    else:
        most = lost.shape[1] - int(np.count_nonzero(lost, axis=1).min(initial=lost.shape[1]))
        if most * 2 < lost.shape[1]:
            return _ranks_of_few(numbers, lost, most)
        ranks = ordinal_ranks(numbers)
    np.copyto(ranks, np.nan, where=lost)
    return ranks


def first_ranked(
    values: Values, mask: Mask, missing: Any, *, count: int, ascending: bool
) -> Values:
    """Return where the ordinal rank is at most `count`, without ranking all.

    Args:
        values: Rows x assets.
        mask: Which of them count.
        missing: What stands for a missing value.
        count: How many of each row are wanted.
        ascending: Whether the smallest are.
    """
    lost = is_missing(values, missing)
    lost |= ~mask
    width = lost.shape[1]
    if count >= width or count < 1:
        return ~lost if count >= 1 else np.zeros(lost.shape, dtype=bool)
    numbers = _ordered(values, lost, ascending=ascending)
    rough = _rounded(numbers) if values.dtype.kind == "f" else numbers
    edge = np.partition(rough, count - 1, axis=1)[:, count - 1 : count]
    chosen = rough <= edge
    few = np.isnan(edge[:, 0])  # fewer than wanted are there
    chosen[few] = ~lost[few]
    for row in np.flatnonzero(np.count_nonzero(chosen, axis=1) > count).tolist():
        ties = np.flatnonzero(rough[row] == edge[row])
        surplus = int(np.count_nonzero(chosen[row])) - count
        order = np.argsort(numbers[row, ties], kind="stable")
        chosen[row, ties[order[len(ties) - surplus :]]] = False
    return chosen


# Half as long, in the same order but for more ties.
def _rounded(numbers: Values) -> Values:
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


def row_ranks(row: Values, method: str) -> Values:
    """Return the ranks of one row."""
    from scipy.stats import rankdata

    result: Values = rankdata(row, method=method)
    return result


def row_ranks_descending(row: Values, method: str) -> Values:
    """Return the ranks of one row, from the largest."""
    from scipy.stats import rankdata

    result: Values = rankdata(-(row.view(np.float64)), method=method)
    return result
