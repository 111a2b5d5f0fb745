"""Ranks of each row of a cross-section, and the first few of them.

The rule: zipline's ties. Of equals the lower sid comes first, in both directions.
"""

from __future__ import annotations

from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline.term import is_missing

_SIGN = np.int64(-(2**63))


def as_floats(values: Any) -> Any:
    """Return values for sorting; whole numbers and times keep their order."""
    if values.dtype.kind == "f":
        return values.copy()
    return values.astype(np.int64).view(np.float64).copy()


# Numbers in the order wanted, NaN where there is none.
def _ordered(values: Any, mask: Any, missing: Any, *, ascending: bool) -> tuple[Any, Any]:
    lost = ~mask | is_missing(values, missing)
    numbers = as_floats(values)
    numbers[lost] = np.nan
    if not ascending:
        np.negative(numbers, out=numbers)
    return numbers, lost


def _sorted_places(numbers: Any) -> Any:
    """Return the columns of each row from its smallest number on, equals by column.

    A number's place goes into the lowest bits of its sort key, as a sort of whole
    numbers alone is several times faster than one that returns places. Where the bits
    that this displaces would have decided, the row is sorted again.
    """
    width = numbers.shape[1]
    bits = np.int64(max(1, (width - 1).bit_length()))
    keys = (numbers + 0.0).view(np.int64)  # -0.0 is 0.0
    keys = np.where(keys < 0, ~keys ^ _SIGN, keys)
    keys[np.isnan(numbers)] = np.iinfo(np.int64).max
    keys >>= bits
    keys <<= bits
    keys |= np.arange(width, dtype=np.int64)
    keys.sort(axis=1)
    places = keys & ((np.int64(1) << bits) - np.int64(1))
    found = np.take_along_axis(numbers, places, axis=1)
    wrong = (found[:, 1:] < found[:, :-1]).any(axis=1)
    for row in np.flatnonzero(wrong).tolist():
        places[row] = np.argsort(numbers[row], kind="stable")
    return places


def ordinal_ranks(numbers: Any) -> Any:
    """Return the rank of each value in its row, from 1; of equals the first is
    lower.
    """
    ranks = np.empty(numbers.shape)
    counting = np.broadcast_to(np.arange(1.0, numbers.shape[1] + 1), numbers.shape)
    np.put_along_axis(ranks, _sorted_places(numbers), counting, axis=1)
    return ranks


def masked_ranks(values: Any, mask: Any, missing: Any, *, method: str, ascending: bool) -> Any:
    """Return the rank of each value in its row, from 1; NaN where masked or missing.

    Ordinal ranks give the lower one of equals to the lower sid, in both directions. By
    any other method, a row in which one is missing has no ranks.
    Source: zipline-reloaded 3.2.1, `lib/rank.pyx`.
    """
    numbers, lost = _ordered(values, mask, missing, ascending=ascending)
    if method == "ordinal":
        ranks = ordinal_ranks(numbers)
    else:
        from scipy.stats import rankdata

        ranks = np.apply_along_axis(rankdata, 1, numbers, method=method).astype(np.float64)
    ranks[lost] = np.nan
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
    numbers, lost = _ordered(values, mask, missing, ascending=ascending)
    width = numbers.shape[1]
    if count >= width or count < 1:
        return ~lost if count >= 1 else np.zeros(lost.shape, dtype=bool)
    edge = np.partition(numbers, count - 1, axis=1)[:, count - 1 : count]
    chosen = (numbers <= edge) | (np.isnan(edge) & ~lost)
    for row in np.flatnonzero(chosen.sum(axis=1) > count).tolist():
        ties = np.flatnonzero(numbers[row] == edge[row])
        surplus = int(chosen[row].sum()) - count
        chosen[row, ties[len(ties) - surplus :]] = False
    return chosen


def row_ranks(row: Any, method: str) -> Any:
    """Return the ranks of one row."""
    from scipy.stats import rankdata

    return rankdata(row, method=method)


def row_ranks_descending(row: Any, method: str) -> Any:
    """Return the ranks of one row, from the largest."""
    from scipy.stats import rankdata

    return rankdata(-(row.view(np.float64)), method=method)
