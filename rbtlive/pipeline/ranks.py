"""Ranks of each row of a cross-section, and the first few of them.

The rule: zipline's ties. Of equals the lower sid comes first, in both directions.
"""

from __future__ import annotations

from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline.term import is_missing

_LARGEST = np.int64(2**63 - 1)
_CACHED = 32_768  # so many numbers stay in a processor's cache


def as_floats(values: Any) -> Any:
    """Return values for sorting; whole numbers and times keep their order."""
    if values.dtype.kind == "f":
        return values.copy()
    return values.astype(np.int64).view(np.float64).copy()


# Numbers in the order wanted, NaN where there is none.
def _ordered(values: Any, lost: Any, *, ascending: bool) -> Any:
    numbers = as_floats(values)
    np.copyto(numbers, np.nan, where=lost)
    if not ascending:
        np.negative(numbers, out=numbers)
    return numbers


def _sorted_places(numbers: Any) -> Any:
    """Return the columns of each row from its smallest number on, equals by column.

    A number's place goes into the lowest bits of its sort key, as a sort of whole
    numbers alone is several times faster than one that returns places. Where the bits
    that this displaces would have decided, the row is sorted again.
    """
    width = numbers.shape[1]
    low_bits = (np.int64(1) << np.int64(max(1, (width - 1).bit_length()))) - np.int64(1)
    lost = np.isnan(numbers)
    keys = (numbers + 0.0).view(np.int64)  # -0.0 is 0.0
    flipped = keys >> 63  # all ones of a negative number, whose bits sort backwards
    flipped &= _LARGEST
    keys ^= flipped
    np.copyto(keys, _LARGEST, where=lost)
    keys &= ~low_bits
    keys |= np.arange(width, dtype=np.int64)
    keys.sort(axis=1)
    close = keys[:, 1:] - keys[:, :-1] <= low_bits
    doubtful = np.count_nonzero(close, axis=1)
    doubtful -= np.maximum(np.count_nonzero(lost, axis=1) - 1, 0)  # missing ones are close
    keys &= low_bits
    for row in np.flatnonzero(doubtful > 0).tolist():
        near = np.append(close[row], False)
        near[1:] |= close[row]
        places = keys[row, near]
        keys[row, near] = places[np.argsort(numbers[row, places], kind="stable")]
    return keys


def ordinal_ranks(numbers: Any) -> Any:
    """Return the rank of each value in its row, from 1; of equals the first is
    lower.
    """
    rows, width = numbers.shape
    ranks = np.empty((rows, width))
    counting = np.arange(1.0, width + 1)
    step = max(1, _CACHED // max(1, width))
    for low in range(0, rows, step):
        places = _sorted_places(numbers[low : low + step])
        places += np.arange(len(places))[:, None] * width
        ranks[low : low + step].reshape(-1)[places] = counting
    return ranks


# What is ranked, moved to the left of each row, where little of a row is.
def _ranks_of_few(numbers: Any, lost: Any, most: int) -> Any:
    rows, columns = np.nonzero(~lost)
    begins = np.searchsorted(rows, np.arange(len(numbers)))
    places = np.arange(len(rows)) - begins[rows]
    few = np.full((len(numbers), most), np.nan)
    few[rows, places] = numbers[rows, columns]
    ranks = np.full(numbers.shape, np.nan)
    if most:
        ranks[rows, columns] = ordinal_ranks(few)[rows, places]
    return ranks


def masked_ranks(values: Any, mask: Any, missing: Any, *, method: str, ascending: bool) -> Any:
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


def first_ranked(values: Any, mask: Any, missing: Any, *, count: int, ascending: bool) -> Any:
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
def _rounded(numbers: Any) -> Any:
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


def row_ranks(row: Any, method: str) -> Any:
    """Return the ranks of one row."""
    from scipy.stats import rankdata

    return rankdata(row, method=method)


def row_ranks_descending(row: Any, method: str) -> Any:
    """Return the ranks of one row, from the largest."""
    from scipy.stats import rankdata

    return rankdata(-(row.view(np.float64)), method=method)
