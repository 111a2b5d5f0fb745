"""Sort the numbers of each row of a cross-section.

The rule: a sort is stable and exact: among equal numbers the first column comes first,
and numbers that differ only in their last bit are not equal. NumPy sorts 32-bit
integers with vector instructions, several times as fast as it finds the order of
numbers, so a number's rough size and its column are first packed into one integer.
"""

from __future__ import annotations

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Mask, Places, Values

_COLUMN_BITS = 16  # in wider tables, too few bits are left for the numbers
_AT_ONCE = 512  # up to this many columns, enough bits of a float32 are left beside them
_KEY_BITS = 21  # no more, as a product of float32 has 24
_SIZE = np.int32(0x7FFFFFFF)  # the bits of a float32 without its sign
_SIGN = np.int32(-(2**31))
_INFINITE = 0x7F800000  # the bits of an infinite float32
_OCTAVE = 1 << 23  # doubling a float32 adds this much
_OCTAVES = 24  # of both signs, numbers this many octaves below the largest count as zero
_ALL_OCTAVES = 64  # the same for tables whose keys are long
_ROUNDS = 12  # maximum rounds of swaps before another method sorts them


def sorted_cells(numbers: Values) -> Places | None:
    """Return the cells of a table sorted within each row, row by row, as indices in the
    flat table; NaN comes last. None if rows are too long for this, or contain numbers
    too close to each other: then `sorted_places` sorts them.

    Args:
        numbers: Rows x assets, one row after the other in memory; a zero is never -0.0.
    """
    width = numbers.shape[1]
    column_bits = max(1, (width - 1).bit_length())
    if not width or column_bits > _COLUMN_BITS:
        return None
    if width <= _AT_ONCE:
        cells = _in_order(_raw_keys(numbers, column_bits), numbers, column_bits)
        if cells is not None:
            return cells
    keys = _packed_keys(numbers, column_bits)
    return None if keys is None else _in_order(keys, numbers, column_bits)


# The cells of each row in the order of its keys, and of all bits of the numbers. Keys
# are sorted in place.
def _in_order(keys: Values, numbers: Values, column_bits: int) -> Places | None:
    rows, width = numbers.shape
    keys.sort(axis=1)
    columns = np.int32((1 << column_bits) - 1)
    flat = keys.reshape(-1)
    near = (flat[1:] ^ flat[:-1]) <= columns
    near &= flat[1:] < _SIZE - columns  # missing numbers are in no order
    flat &= columns
    cells: Places = keys.astype(np.intp)
    cells += (np.arange(rows) * width)[:, None]
    cells = cells.reshape(-1)
    return cells if _swap_neighbours(cells, numbers, np.flatnonzero(near)) else None


# Keys that are the first bits of a float32. NaN comes last because it has no sign.
def _raw_keys(numbers: Values, column_bits: int) -> Values:
    keys = _float32_bits(numbers)
    keys ^= (keys >> np.int32(31)) & _SIZE  # the bits of negative numbers sort backwards
    keys &= np.int32(-1 << column_bits)
    keys |= np.arange(numbers.shape[1], dtype=np.int32)
    return keys


# A key in the upper bits and the column in the lower ones. Keys sort like the numbers,
# except for nearly equal ones; None if a number is infinite. The bits of a float32 are
# spread evenly over the keys, from each row's smallest size to its largest; if numbers
# have both signs, those far below the largest count as zero, so that keys are not
# wasted.
def _packed_keys(numbers: Values, column_bits: int) -> Values | None:
    missing: Mask = np.isnan(numbers)
    lost = missing if missing.any() else None
    key_bits = min(31 - column_bits, _KEY_BITS)
    bits = _float32_bits(numbers)
    sizes = bits & _SIZE
    low = sizes.min(axis=1, keepdims=True)
    bits &= _SIGN
    known = bits.size
    if lost is not None:
        there = ~lost
        known = int(np.count_nonzero(there))
        np.multiply(sizes, there, out=sizes)  # three times as fast as a copy
        np.multiply(bits, there, out=bits)
    top = sizes.max(axis=1, keepdims=True)
    if (top >= _INFINITE).any():
        return None
    np.minimum(low, top, out=low)
    negative = np.count_nonzero(bits)
    clipped = 0 < negative < known
    if clipped:
        octaves = _ALL_OCTAVES if key_bits == _KEY_BITS else _OCTAVES
        np.maximum(low, top - octaves * _OCTAVE, out=low)
    sizes -= low
    if clipped or lost is not None:
        np.maximum(sizes, np.int32(0), out=sizes)
    spread = sizes.astype(np.float32)
    spread *= np.float32((1 << key_bits) - 4) / np.maximum(top - low, 1).astype(np.float32)
    if negative:
        np.bitwise_or(spread.view(np.int32), bits, out=spread.view(np.int32))
    keys = spread.astype(np.int32)
    if lost is not None:
        np.copyto(keys, np.int32((1 << key_bits) - 1), where=lost)
    keys <<= np.int32(column_bits)
    keys |= np.arange(numbers.shape[1], dtype=np.int32)
    return keys


def _float32_bits(numbers: Values) -> Values:
    with np.errstate(over="ignore", invalid="ignore"):
        return numbers.astype(np.float32).view(np.int32)


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
