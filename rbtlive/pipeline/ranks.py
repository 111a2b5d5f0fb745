"""Ranks of each row of a cross-section, and the first few of them.

The rule: zipline's ties. Of equals the lower sid comes first, in both directions.
"""

from __future__ import annotations

from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Mask, Places, Values
from rbtlive.pipeline.sorting import sorted_cells, sorted_places
from rbtlive.pipeline.term import is_missing

_CACHED = 32_768  # so many numbers stay in a processor's cache
_FEW = 4  # a share of a row below which what is ranked is taken out of it


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


def ordinal_ranks(numbers: Values, out: Values) -> None:
    """Write the rank of each value in its row, from 1; of equals the first is lower.

    Args:
        numbers: Rows x assets; a missing value is NaN, a zero is never -0.0.
        out: Where ranks are written, one row after the other in memory.
    """
    counting = np.arange(1.0, numbers.shape[1] + 1)
    cells = sorted_cells(numbers)
    if cells is not None:
        out.reshape(-1)[cells] = np.tile(counting, len(numbers))
        return
    for line, places in zip(out, sorted_places(numbers), strict=True):
        line[places] = counting


# What is ranked, moved to the left of each row, where little of a row is.
def _rank_few(numbers: Values, lost: Mask, counts: Places, out: Values) -> None:
    most = int(counts.max(initial=0))
    cells = np.flatnonzero(~lost)
    begins = np.arange(len(counts)) * most + counts - np.cumsum(counts)
    moved = np.arange(len(cells)) + np.repeat(begins, counts)
    few = np.full((len(numbers), most), np.nan)
    few.reshape(-1)[moved] = numbers.reshape(-1).take(cells)
    ranks = np.empty(few.shape)
    ordinal_ranks(few, ranks)
    out.reshape(-1)[cells] = ranks.reshape(-1).take(moved)


def masked_ranks(
    values: Values, mask: Mask, missing: Any, *, method: str, ascending: bool
) -> Values:
    """Return the rank of each value in its row, from 1; NaN where masked or missing.

    Ordinal ranks give the lower one of equals to the lower sid, in both directions. By
    any other method, a row in which one is missing has no ranks.
    Source: zipline-reloaded 3.2.1, `lib/rank.pyx`.
    """
    ranks = np.empty(values.shape)
    step = max(1, _CACHED // max(1, values.shape[1]))
    for low in range(0, len(values), step):
        some = slice(low, low + step)
        lost = is_missing(values[some], missing)
        lost |= ~mask[some]
        _rank(_ordered(values[some], lost, ascending=ascending), lost, method, ranks[some])
        np.copyto(ranks[some], np.nan, where=lost)
    return ranks


def _rank(numbers: Values, lost: Mask, method: str, out: Values) -> None:
    if method != "ordinal":
        from scipy.stats import rankdata

        out[:] = np.apply_along_axis(rankdata, 1, numbers, method=method)
        return
    counts = lost.shape[1] - np.count_nonzero(lost, axis=1)
    if counts.max(initial=0) * _FEW < lost.shape[1]:
        _rank_few(numbers, lost, counts, out)
    else:
        ordinal_ranks(numbers, out)


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
