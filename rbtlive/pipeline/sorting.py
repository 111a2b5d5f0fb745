"""Sort the numbers of each row of a cross-section.

The rule: a sort is stable and exact: among equal numbers the first column comes first,
and numbers that differ only in their last bit are not equal. NumPy sorts integers with
vector instructions, several times as fast as it finds the order of numbers, and those
of 32 bits twice as fast as those of 64. So the upper bits of a number and its column
are first packed into one integer; the few numbers with the same upper bits are then
compared with each other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Mask, Places, Values
from rbtlive.pipeline.picking import blank

_SIGN: Final = np.uint64(2**63)
_ROUNDS = 12  # maximum rounds of swaps before another method sorts them
_WRONG = 16  # a larger share than 1 / this must not be swapped


class RowSorter:
    """Sorts the rows of a table, block by block.

    Integers of 32 bits hold the upper bits of a number's distance from the least of its
    block, either of the numbers' own bits, if none is negative, or on a linear scale.
    A way that leaves too many numbers with the same bits is not tried again; integers
    of 64 bits are the last one.

    Args:
        ascending: Whether the smallest comes first.
    """

    def __init__(self, *, ascending: bool) -> None:
        self._ascending = ascending
        self._ways = [_spans_of_bits, _linear_spans]

    def sorted_cells(self, numbers: Values, lost: Mask | None, *, blanked: bool = False) -> Places:
        """Return the cells of a block sorted within each row, row by row, as indices in
        the flat block.

        Args:
            numbers: Rows x assets, one row after the other in memory.
            lost: Cells that come last in their row, by column; they include all NaN.
                None if there are none.
            blanked: Whether all of them are NaN.
        """
        width = numbers.shape[1]
        if numbers.size and self._ways:
            column_bits = max(1, (width - 1).bit_length())
            known = numbers
            if lost is not None and not blanked:
                known = numbers.copy()
                blank(known, lost)
            for way in tuple(self._ways):
                spans = way(known, 32 - column_bits, ascending=self._ascending)
                if spans is None:
                    continue
                found = self._narrow(numbers, lost, spans, np.uint32((1 << column_bits) - 1))
                if found is not None:
                    return found
                self._ways.remove(way)
        return _wide(numbers, lost, ascending=self._ascending)

    # None if too many numbers have the same upper bits.
    def _narrow(
        self, numbers: Values, lost: Mask | None, keys: Values, columns: np.uint32
    ) -> Places | None:
        width = numbers.shape[1]
        keys <<= np.uint32(int(columns).bit_length())
        if lost is not None:  # by arithmetic, which takes no longer if they are anywhere
            keys |= np.multiply(lost.view(np.uint8), ~columns, dtype=np.uint32)
        keys ^= _columns(width)
        signed = keys.view(np.int32)
        signed.sort(axis=1)
        flat = keys.reshape(-1)
        near = _near(flat, columns, width)
        if lost is not None:
            near &= signed.reshape(-1) < np.int32(2**31 - 1 - columns)
        keys &= columns
        keys += np.arange(0, numbers.size, width, dtype=np.uint32)[:, None]
        found: Places = flat.astype(np.int64)
        swapped = _swap_neighbours(found, numbers, near, ascending=self._ascending)
        return found if swapped else None


@lru_cache(maxsize=4)
def _columns(width: int) -> Values:
    return np.arange(width, dtype=np.uint32) | np.uint32(2**31)  # it sorts as a signed number


# Bits of numbers that are not negative sort like whole numbers. A key loses the sign of
# -0.0.
def _spans_of_bits(known: Values, bits: int, *, ascending: bool) -> Values | None:
    whole = known.view(np.int64)
    least = np.fmin.reduce(known, axis=None) + 0.0  # never -0.0
    if not least >= 0.0:
        return None
    low = int(least.view(np.int64))
    high = int(np.fmax.reduce(known, axis=None).view(np.int64))
    shift = max(0, (high - low).bit_length() - bits)
    shift += (high - low) >> shift == (1 << bits) - 1  # which is for those lost
    spans = whole - low if ascending else high - whole
    spans >>= shift
    return spans.astype(np.uint32)


def _linear_spans(known: Values, bits: int, *, ascending: bool) -> Values | None:
    low, high = (float(edge.reduce(known, axis=None)) for edge in (np.fmin, np.fmax))
    with np.errstate(all="ignore"):
        scale = np.float64(2**bits - 2) / (high - low)
        if not 0.0 < scale < np.inf:
            return None
        spans = known - low if ascending else high - known
        spans *= scale
        return spans.astype(np.int32).view(np.uint32)


# Whether the next key has the same upper bits, and is of the same row.
def _near(keys: Values, lower: np.uint32 | np.uint64, width: int) -> Mask:
    near: Mask = np.empty(len(keys), dtype=bool)
    np.less_equal(keys[1:] ^ keys[:-1], lower, out=near[:-1])
    near[width - 1 :: width] = False
    return near


# Integers of 64 bits: more bits of each number, and its cell.
def _wide(numbers: Values, lost: Mask | None, *, ascending: bool) -> Places:
    if not numbers.size:
        return np.arange(0)
    cell_bits = np.uint64((1 << (numbers.size - 1).bit_length()) - 1)
    keys = _keys(numbers, ~cell_bits, ascending=ascending)
    if lost is not None:
        keys |= np.multiply(lost.view(np.uint8), ~cell_bits, dtype=np.uint64)
    keys.sort(axis=1)
    flat = keys.reshape(-1)
    near = _near(flat, cell_bits, numbers.shape[1])
    if lost is not None:
        near &= flat < ~cell_bits
    flat &= cell_bits
    cells: Places = flat.view(np.int64)
    if not _swap_neighbours(cells, numbers, near, ascending=ascending):  # e.g. denormal numbers
        numbers = turned(numbers, ascending=ascending)
        if lost is not None:
            np.copyto(numbers, np.nan, where=lost)
        places = numbers.argsort(axis=1, kind="stable")
        cells = (places + np.arange(len(numbers))[:, None] * numbers.shape[1]).reshape(-1)
    return cells


def turned(numbers: Values, *, ascending: bool) -> Values:
    """Return numbers that sort in the wanted order; a zero is never -0.0."""
    found: Values = numbers + 0.0 if ascending else 0.0 - numbers
    return found


# Whole numbers that sort like the numbers, apart from NaN: their upper bits, and the
# cells.
def _keys(numbers: Values, kept: np.uint64, *, ascending: bool) -> Values:
    if numbers.view(np.int64).min() >= 0:
        keys: Values = numbers.view(np.uint64) & kept
        keys ^= _pattern(numbers.size, turns=not ascending).reshape(keys.shape)
        return keys
    numbers = turned(numbers, ascending=ascending)
    keys = (numbers.view(np.int64) >> np.int64(63)).view(np.uint64)
    keys |= _SIGN  # all bits of a negative number sort backwards
    keys ^= numbers.view(np.uint64)
    keys &= kept
    keys |= _pattern(numbers.size, turns=False).reshape(keys.shape)
    return keys


# What a key differs in from the upper bits of its number: the cell in the lower bits
# and, if the largest comes first, all others but the sign.
@lru_cache(maxsize=4)
def _pattern(size: int, *, turns: bool) -> Values:
    cells: Values = np.arange(size, dtype=np.uint64)
    others = ~_SIGN & ~np.uint64((1 << (size - 1).bit_length()) - 1)
    return cells | others if turns else cells


# Numbers with the same upper bits are neighbours, and `near` says where the next cell
# is one; the few that are out of order are swapped until none is. False if they are too
# many or too far apart.
def _swap_neighbours(cells: Places, numbers: Values, near: Mask, *, ascending: bool) -> bool:
    flat = numbers.reshape(-1)
    out_of_order = np.greater if ascending else np.less

    def wrong(at: Places) -> Places:
        if not len(at):
            return at
        found: Places = at[out_of_order(flat.take(cells.take(at)), flat.take(cells.take(at + 1)))]
        return found

    at = wrong(np.flatnonzero(near))
    if len(at) * _WRONG > len(cells):
        return False
    for number in range(_ROUNDS):
        if not len(at):
            return True
        # No cell is in two such pairs; most pairs have no neighbour and go first.
        first = (at & 1) == (number & 1) if number else _apart(at)
        left = at[first]
        right = left + 1
        lower = cells.take(right)
        cells[right] = cells.take(left)
        cells[left] = lower
        at = np.concatenate((at[~first], left - 1, right))
        at = wrong(at[near.take(at)])  # -1 is the last cell, which has no next
    return False


# Whether each place is not the next after the one before it.
def _apart(at: Places) -> Mask:
    found: Mask = np.ones(len(at), dtype=bool)
    np.greater(at[1:] - at[:-1], 1, out=found[1:])
    return found
