"""Sort the numbers of each row of a cross-section.

The rule: a sort is stable and exact: among equal numbers the first column comes first,
and numbers that differ only in their last bit are not equal. NumPy sorts 16-bit
integers by radix sort, stably and in a fifth of the time of longer ones, so numbers are
first mapped to such keys.
"""

from __future__ import annotations

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Places, Values

_AT_ONCE = 512  # up to this many columns, NumPy sorts 32-bit integers in one piece
_NARROW = 1_000  # up to this many columns, one 16-bit key leaves few numbers out of order
_SIZE = np.int32(0x7FFFFFFF)  # the bits of a float32 without its sign
_SIGN = np.int32(-(2**31))
_INFINITE = 0x7F800000  # the bits of an infinite float32
_OCTAVE = 1 << 23  # doubling a float32 adds this much
_ROUNDS = 12  # maximum rounds of swaps before another method sorts them


def sorted_cells(numbers: Values) -> Places | None:
    """Return the cells of a table sorted within each row, row by row, as indices in the
    flat table; NaN comes last. None if rows are too long for this, or contain numbers
    too close to each other: then `sorted_places` sorts them.

    Args:
        numbers: Rows x assets, one row after the other in memory; a zero is never -0.0.
    """
    rows, width = numbers.shape
    if not 0 < width <= _NARROW:
        return None
    begins = (np.arange(rows) * width)[:, None]
    if width <= _AT_ONCE:
        cells: Places = (_columns_by_key(numbers) + begins).reshape(-1)
        if _swap_neighbours(cells, numbers):
            return cells
    keys = _short_keys(numbers)
    if keys is None:
        return None
    cells = (keys.argsort(axis=1, kind="stable") + begins).reshape(-1)
    return cells if _swap_neighbours(cells, numbers) else None


# Columns of each row from the smallest number on, except that nearly equal numbers are
# in column order. The column's number replaces the last bits of the float32, so that
# one sort of integers gives the order.
def _columns_by_key(numbers: Values) -> Places:
    width = numbers.shape[1]
    low_bits = np.int32((1 << (width - 1).bit_length()) - 1)
    keys = _float32_bits(numbers)
    keys ^= (keys >> np.int32(31)) & _SIZE  # the bits of negative numbers sort backwards
    keys &= ~low_bits
    keys |= np.arange(width, dtype=np.int32)
    keys.sort(axis=1)
    keys &= low_bits
    return keys


# 16-bit integers that sort like the numbers, except for nearly equal ones; None if a
# number is infinite. The bits of a float32 are spread evenly over them, from each row's
# smallest size to its largest; if numbers have both signs, those below 1/65,536 of the
# largest count as zero, so that keys are not wasted.
def _short_keys(numbers: Values) -> Values | None:
    bits = _float32_bits(numbers)
    lost = np.isnan(numbers)
    some = bool(lost.any())
    sizes = bits & _SIZE
    low = sizes.min(axis=1, keepdims=True, initial=_SIZE)
    if some:
        sizes *= ~lost  # three times as fast as a copy if values are missing
    top = sizes.max(axis=1, keepdims=True, initial=0)
    if (top >= _INFINITE).any():
        return None
    np.minimum(low, top, out=low)
    signed = bool((bits < 0).any())
    if signed:
        low = np.maximum(low, top - 16 * _OCTAVE)
    sizes -= low
    np.maximum(sizes, 0, out=sizes)
    spread = sizes.astype(np.float32)
    spread *= np.float32(32_766 if signed else 65_533) / np.maximum(top - low, 1).astype(np.float32)
    if signed:
        np.bitwise_or(spread.view(np.int32), bits & _SIGN, out=spread.view(np.int32))
        spread += np.float32(32_767)
    keys = spread.astype(np.uint16)
    if some:
        keys |= np.negative(lost.astype(np.uint16))
    return keys


def _float32_bits(numbers: Values) -> Values:
    with np.errstate(over="ignore", invalid="ignore"):
        return numbers.astype(np.float32).view(np.int32)


# Numbers with the same key are close to each other; the few that are out of order are
# swapped with their neighbours until none is. False if they are too many or too far
# apart.
def _swap_neighbours(cells: Places, numbers: Values) -> bool:
    width = numbers.shape[1]
    ordered = numbers.reshape(-1).take(cells)
    wrong = ordered[1:] < ordered[:-1]
    wrong[width - 1 :: width] = False  # belongs to the next row
    if np.count_nonzero(wrong) * 16 > len(ordered):
        return False
    at = np.flatnonzero(wrong)
    for number in range(_ROUNDS):
        if not len(at):
            return True
        # No cell is in two such pairs; most pairs have no neighbour and go first.
        left = at[(at & 1) == (number & 1)] if number else at[np.diff(at, prepend=-2) > 1]
        right = left + 1
        for swapped in (ordered, cells):
            lower = swapped.take(right)
            swapped[right] = swapped.take(left)
            swapped[left] = lower
        at = np.concatenate((at, left - 1, right))
        at = at[(at + 1) % width != 0]
        at = at[ordered.take(at + 1) < ordered.take(at)]
    return False


# Integers that sort like the numbers, except for those with the same float32; NaN comes
# last.
def _keys(numbers: Values) -> Values:
    bits = _float32_bits(numbers)
    flipped = bits >> 31  # all ones for a negative number, whose bits sort backwards
    flipped |= _SIGN
    bits ^= flipped
    return bits.view(np.uint32)


def sorted_places(numbers: Values) -> Places:
    """Return the columns of each row from its smallest number on.

    It sorts by the lower half of each key first, then by the upper half. A row in which
    numbers with the same key are out of order is sorted again at those places.
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


# If a number's key equals a neighbour's, the numbers themselves decide.
def _sort_equal_keys(places: Places, numbers: Values) -> None:
    ordered = _keys(numbers[places])
    equal = ordered[1:] == ordered[:-1]
    equal &= ~np.isnan(numbers[places[1:]])
    near = np.append(equal, False)
    near[1:] |= equal
    some = places[near]
    places[near] = some[np.lexsort((some, numbers[some]))]
