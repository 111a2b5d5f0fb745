"""Sums, extremes and moments of all windows of a table at once.

The rule: a number depends only on the values of its window, digit for digit, never on
where a chunk begins: sums of long windows use blocks counted from the calendar's first
session.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Places, Values
from rbtlive.pipeline.picking import column_blocks

# Fraction of the mean square below which a variance is computed from differences
# instead.
_CANCELLED = 1e-5
_WIDE = 64  # from this many columns on, one row at a time is faster
_AT_ONCE = 500_000  # number of windows added up together
_IN_ORDER = 64  # up to this many rows, a window is added up from its oldest row on
_CACHED = 100_000  # this many numbers fit in a processor's cache


def _accumulate(values: Values, operation: Any, out: Any) -> None:
    """Write `operation` over the rows up to each row into `out`.

    numpy's accumulate processes one column after the other; in a wide table one row at
    a time is several times faster, with the same digits.
    """
    if values.shape[1] < _WIDE:
        operation.accumulate(values, axis=0, out=out)
        return
    out[0] = values[0]
    for before, row, after in zip(out, values[1:], out[1:], strict=False):
        operation(before, row, out=after)


def _reduced(values: Values, length: int, first: int, operation: Any) -> Values:
    """Return `operation` over all windows of `length` rows.

    Each window is the end of one block of `length` rows and the start of the next, so
    it takes three operations per row, whatever its length. Source: van Herk (1992), Gil
    and Werman (1993), for maxima.

    Args:
        values: Rows x assets.
        length: Number of rows in a window.
        first: Session number of the first row.
        operation: `np.add`, `np.maximum` or `np.minimum`.
    """
    count, width = values.shape
    windows = count - length + 1
    if length == 1:
        return values.copy()
    out = np.empty((windows, width))
    part = np.empty((length, width))
    for begin in range(-(first % length), windows, length):
        end = begin + length
        low, high = max(begin, 0), min(end, windows)
        rest = out[low:end] if high == end else part[: end - low]
        _accumulate(values[low:end][::-1], operation, rest[::-1])
        if high < end:
            out[low:high] = rest[: high - low]
        offset = 0 if low > begin else 1
        shared = out[low + offset : high]
        if len(shared):
            start = part[: high + length - 1 - end]
            _accumulate(values[end : high + length - 1], operation, start)
            operation(shared, start[low + offset - begin - 1 :], out=shared)
    return out


def rolling_sum(values: Values, length: int, first: int) -> Values:
    """Return the sums of all windows of `length` rows, without missing values.

    Short windows are added up from the oldest day to the newest, as in zipline, to the
    last digit: of two windows with the same mean, neither is above the other.

    Args:
        values: Rows x assets.
        length: Number of rows in a window.
        first: Session number of the first row.
    """
    if length > _IN_ORDER:
        return _reduced(values, length, first, np.add)
    windows, width = len(values) - length + 1, values.shape[1]
    down, across = values.strides
    if width >= _WIDE and down > across:  # else NumPy adds up in pairs
        views = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)
        found = np.empty((windows, width))
        for some in column_blocks(width):
            np.add.reduce(views[:, some].transpose(0, 2, 1), axis=1, out=found[:, some])
        return found
    out = np.zeros((windows, width))
    for low, high in cached_rows(windows, width):
        total = out[low:high]
        for age in range(length):
            total += values[low + age : high + age]
    return out


def cached_rows(rows: int, width: int) -> Iterator[tuple[int, int]]:
    """Iterate over the bounds of row blocks that fit in a processor's cache."""
    step = max(1, _CACHED // max(1, width))
    for low in range(0, rows, step):
        yield low, min(low + step, rows)


def known_sum(values: Values, length: int, first: int) -> Values:
    """Return the sums of all windows, ignoring missing values.

    If a value is missing, the others are added from the oldest to the newest: two
    windows of different lengths over the same few values of a new asset then have the
    same sum, as in zipline, and comparing their means gives False.
    """
    sums, gaps, found, _ = _known_sum(values, length, first)
    if sums is not found and len(gaps):
        sums[:, gaps] = found
    return sums


# The sums of columns without missing values; the other columns, their sums, and the
# number of values in each of their windows. If the others are many, they are all.
def _known_sum(values: Values, length: int, first: int) -> tuple[Values, Places, Values, Values]:
    with np.errstate(over="ignore", invalid="ignore"):
        gaps = np.flatnonzero(np.isnan(np.add.reduce(values, axis=0)))
    if len(gaps) * 2 > values.shape[1]:
        sums, some, gaps = None, values, np.arange(values.shape[1])
    else:
        sums = rolling_sum(values, length, first)
        if not len(gaps):
            return sums, gaps, sums[:, :0], sums[:, :0]
        some = np.take(values, gaps, axis=1)
    missing = np.isnan(some)
    known = np.where(missing, 0.0, some)
    there = known_counts(missing, length)
    found = rolling_sum(known, length, first)
    if length > _IN_ORDER:
        found[there == 0.0] = 0.0
        _add_in_order(found, known, length, np.nonzero((there > 0.0) & (there < length)))
    return found if sums is None else sums, gaps, found, there


def known_counts(missing: Any, length: int) -> Values:
    """Return the number of present rows in each window."""
    lost = np.zeros((len(missing) + 1, missing.shape[1]), dtype=np.int32)
    np.cumsum(missing, axis=0, dtype=np.int32, out=lost[1:])
    return length - (lost[length:] - lost[:-length])


# A few windows at a time, so that memory stays bounded even if all have missing values.
def _add_in_order(sums: Values, values: Values, length: int, places: Any) -> None:
    for low in range(0, len(places[0]), _AT_ONCE):
        rows, columns = (place[low : low + _AT_ONCE] for place in places)
        total = np.zeros(len(rows))
        for age in range(length):
            total += values[rows + age, columns]
        sums[rows, columns] = total


def known_mean(values: Values, length: int, first: int) -> Values:
    """Return the means of all windows, ignoring missing values; NaN if all are
    missing.
    """
    sums, gaps, found, there = _known_sum(values, length, first)
    with np.errstate(divide="ignore", invalid="ignore"):
        found /= there
    if sums is not found:
        sums /= float(length)
        sums[:, gaps] = found
    return sums


def known_moments(
    values: Values, length: int, first: int, mean: Values | None = None
) -> tuple[Any, Any]:
    """Return means and population standard deviations of all windows, ignoring missing
    values.

    The variance is the mean square less the square of the mean; where that cancels most
    digits, it is the mean of the squared differences.

    Args:
        values: Rows x assets.
        length: Number of rows in a window.
        first: Session number of the first row.
        mean: The means, if they are known.
    """
    if mean is None:
        mean = known_mean(values, length, first)
    with np.errstate(over="ignore", invalid="ignore"):
        square = known_mean(values * values, length, first)
        variance = square - mean * mean
        weak = ~(variance > _CANCELLED * square) & ~np.isnan(mean)
    if weak.any():
        _from_distances(variance, values, length, mean, np.nonzero(weak))
    return mean, np.sqrt(variance)


# A few windows at a time, so that memory stays bounded even if all lose digits.
def _from_distances(
    variance: Values, values: Values, length: int, mean: Values, places: Any
) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)
    step = max(1, 2_000_000 // length)
    for low in range(0, len(places[0]), step):
        some = tuple(place[low : low + step] for place in places)
        found = windows[some]
        missing = np.isnan(found)
        distances = np.where(missing, 0.0, found - mean[some][:, None])
        variance[some] = (distances**2).sum(axis=1) / (~missing).sum(axis=1)


def known_extreme(values: Values, length: int, first: int, *, largest: bool) -> Values:
    """Return the largest or smallest value of all windows; NaN if all are missing."""
    empty = -np.inf if largest else np.inf
    missing = np.isnan(values)
    gaps = missing.any()
    found = _reduced(
        np.where(missing, empty, values) if gaps else values,
        length,
        first,
        np.maximum if largest else np.minimum,
    )
    if gaps:
        found[known_counts(missing, length) == 0] = np.nan
    return found


def plain_extreme(values: Values, length: int, first: int, *, largest: bool) -> Values:
    """Return the largest or smallest value of all windows; NaN if one is missing."""
    return _reduced(values, length, first, np.maximum if largest else np.minimum)


def weighted_mean(values: Values, weights: Values, centre: Any = None) -> Values:
    """Return weighted means of all windows, or of their squared differences from
    `centre`; NaN if a value is missing.

    Args:
        values: Rows x assets.
        weights: From a window's oldest row to its newest.
        centre: One number per window and asset, or None.
    """
    length = len(weights)
    windows = len(values) - length + 1
    out = np.zeros((windows, values.shape[1]))
    for low, high in cached_rows(windows, values.shape[1]):
        total = out[low:high]
        for age, weight in enumerate(weights.tolist()):
            part = values[low + age : high + age]
            if centre is None:
                total += part * weight
            else:
                distance = part - centre[low:high]
                distance *= distance
                distance *= weight
                total += distance
    out /= weights.sum()
    return out
