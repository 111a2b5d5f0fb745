"""Select the few smallest numbers of each row of a cross-section without sorting the
rest.

The rule: the result is exact. Columns are divided into groups; as many groups as
numbers are wanted have a number below the bound, so the wanted numbers are among those
up to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Mask, Places, Values

_GROUPS = 512  # NumPy sorts this many float32 in one piece
_SMALL = 3  # with fewer columns per group, all numbers are examined instead
_CACHED = 32_768  # this many numbers fit in a processor's cache


def blocks(rows: int, width: int) -> Iterator[slice]:
    """Iterate over rows in blocks that fit in a processor's cache."""
    step = max(1, _CACHED // max(1, width))
    for low in range(0, rows, step):
        yield slice(low, min(low + step, rows))


def places_in_rows(cells: Places, rows: int, width: int) -> tuple[Places, Mask]:
    """Return the number of cells in each row, and their places in a table that has them
    moved to the left.

    Args:
        cells: Indices in the flat table, in order.
        rows: Number of rows in the table.
        width: Number of columns in the table.
    """
    counts = np.diff(np.searchsorted(cells, np.arange(rows + 1) * width))
    moved: Mask = np.arange(counts.max(initial=0)) < counts[:, None]
    return counts, moved


def few_smallest(rough: Values, count: int, numbers: Values) -> Values:
    """Return numbers of each row, including the `count` smallest, padded with infinity;
    in no order.

    Args:
        rough: Rows x assets, the numbers or their nearest float32; missing ones are
            infinite.
        count: How many numbers are wanted, up to the width.
        numbers: The numbers to return.
    """
    limit = _limit(rough, count)
    if limit is None:
        return numbers
    cells = np.flatnonzero(rough <= limit)
    _, moved = places_in_rows(cells, len(rough), rough.shape[1])
    few = np.full(moved.shape, np.inf, dtype=numbers.dtype)
    few[moved] = numbers.reshape(-1).take(cells)
    return few


# A bound per row, not below its `count` smallest; None if finding it does not pay off.
def _limit(rough: Values, count: int) -> Values | None:
    groups = max(2 * count, _GROUPS)
    size = rough.shape[1] // groups
    if size < _SMALL:
        return None
    least = rough[:, :groups].copy()
    for low in range(groups, size * groups, groups):
        np.minimum(least, rough[:, low : low + groups], out=least)
    least.partition(count - 1, axis=1)
    limit: Values = least[:, count - 1 : count]
    return limit


def as_float32(numbers: Values) -> Values:
    """Return the nearest numbers of half the size: in the same order, but with more
    equal ones.
    """
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)
