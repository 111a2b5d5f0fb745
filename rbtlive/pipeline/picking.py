"""Select some numbers of each row of a cross-section without sorting the rest.

The rule: the result is exact, and rows are taken in blocks that fit in a processor's
cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Mask, Places, Values

_NAN = np.int64(0x7FF8 << 48)  # its bits
_CACHED: Final = 65_536  # this many numbers fit in a processor's cache
_ROW_CACHED: Final = 3_072  # this many fit in its first cache, twice

FEW_CALLS: Final = 131_072
"""Numbers of a block for a function of many calls, which then cost more than memory."""


def blocks(rows: int, width: int, *, numbers: int = _CACHED) -> Iterator[slice]:
    """Iterate over rows in blocks of some numbers, which fit in a processor's cache."""
    step = max(1, numbers // max(1, width))
    for low in range(0, rows, step):
        yield slice(low, min(low + step, rows))


def column_blocks(width: int) -> Iterator[slice]:
    """Iterate over equal blocks of columns; two rows of one fit in the first cache."""
    count = -(-width // _ROW_CACHED)
    for number in range(count):
        yield slice(number * width // count, (number + 1) * width // count)


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


def blank(numbers: Values, lost: Mask) -> None:
    """Make numbers NaN in place, by arithmetic: a copy takes several times as long if
    the lost are anywhere.
    """
    bits = numbers.view(np.int64)
    bits |= np.multiply(lost.view(np.uint8), _NAN, dtype=np.int64)


def partitioned(values: Values, places: Iterable[int]) -> Values:
    """Return rows that have at some places what a sort puts there, smaller values
    before each and larger ones behind it; NaN comes last.

    NumPy selects one place with vector instructions, and several at once without, which
    takes longer than to sort.
    """
    found: Values = values.copy()
    begin = 0
    for place in sorted(set(places)):
        found[:, begin:].partition(place - begin, axis=1)
        begin = place + 1
    return found


def sorted_between(values: Values, bounds: Iterable[tuple[int, int]]) -> Values:
    """Return rows that have from some places to others what a sort puts there.

    Args:
        values: Rows x assets; NaN comes last.
        bounds: First and last place of each stretch, both in ascending order.
    """
    found: Values = values.copy()
    begin = 0  # all places before it are sorted, or not wanted
    for low, high in bounds:
        first = max(low, begin)
        if first > begin:
            found[:, begin:].partition(first - begin, axis=1)
        if high >= first:
            if high + 1 < found.shape[1]:
                found[:, first:].partition(high - first, axis=1)
            found[:, first : high + 1].sort(axis=1)
            begin = high + 1
    return found
