"""Sort the numbers of each row of a cross-section.

The rule: a sort is stable and exact: among equal numbers the first column comes first,
and numbers that differ only in their last bit are not equal. NumPy sorts integers with
vector instructions, several times as fast as it finds the order of numbers, so the
upper bits of a number and its cell are first packed into one integer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Mask, Places, Values

_SIGN: Final = np.uint64(2**63)
_ROUNDS = 12  # maximum rounds of swaps before another method sorts them


def sorted_cells(numbers: Values, lost: Mask | None, *, ascending: bool = True) -> Places:
    """Return the cells of a table sorted within each row, row by row, as indices in the
    flat table.

    Args:
        numbers: Rows x assets, one row after the other in memory.
        lost: Cells that come last in their row, by column; they include all NaN. None
            if there are none.
        ascending: Whether the smallest comes first.
    """
    if not numbers.size:
        return np.arange(0)
    cell_bits = np.uint64((1 << (numbers.size - 1).bit_length()) - 1)
    keys = _keys(numbers, ~cell_bits, ascending=ascending)
    if lost is not None:  # by arithmetic, which takes no longer if they are anywhere
        keys |= np.multiply(lost.view(np.uint8), ~cell_bits, dtype=np.uint64)
    keys.sort(axis=1)
    flat = keys.reshape(-1)
    near = (flat[1:] ^ flat[:-1]) <= cell_bits
    if lost is not None:
        near &= flat[1:] < ~cell_bits
    flat &= cell_bits
    cells: Places = flat.view(np.int64)
    if not near.any():
        return cells
    numbers = turned(numbers, ascending=ascending)
    if lost is not None:
        np.copyto(numbers, np.nan, where=lost)
    if not _swap_neighbours(cells, numbers, np.flatnonzero(near)):  # e.g. denormal numbers
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


# Numbers with the same key are close to each other; the few that are out of order are
# swapped with their neighbours until none is. False if they are too many or too far
# apart.
def _swap_neighbours(cells: Places, numbers: Values, pairs: Places) -> bool:
    width, flat = numbers.shape[1], numbers.reshape(-1)

    def wrong(at: Places) -> Places:
        found: Places = at[flat.take(cells.take(at + 1)) < flat.take(cells.take(at))]
        return found

    at = wrong(pairs[(pairs + 1) % width != 0])  # the next cell is in the same row
    if len(at) * 16 > len(cells):
        return False
    for number in range(_ROUNDS):
        if not len(at):
            return True
        # No cell is in two such pairs; most pairs have no neighbour and go first.
        left = at[(at & 1) == (number & 1)] if number else at[np.diff(at, prepend=-2) > 1]
        right = left + 1
        lower = cells.take(right)
        cells[right] = cells.take(left)
        cells[left] = lower
        at = np.concatenate((at, left - 1, right))
        at = wrong(at[(at + 1) % width != 0])
    return False
