"""Sums, extremes and moments of all windows of a table at once.

The rule: a number depends on the values of its window alone, digit for digit, never on
where a chunk begins: sums run in blocks that are counted from the calendar's first
session.
"""

from __future__ import annotations

from typing import Any

from rbtlive.model.arrays import np

# Share of the mean square below which a variance is computed from distances instead.
_CANCELLED = 1e-5


def _reduced(values: Any, length: int, first: int, operation: Any) -> Any:
    """Return `operation` over all windows of `length` rows.

    Each window is the end of one block of `length` rows and the start of the next, so
    that it takes three operations a row, whatever its length.
    Source: van Herk (1992), Gil and Werman (1993), there for maxima.

    Args:
        values: Rows x assets.
        length: Rows of a window.
        first: Session number of the first row.
        operation: `np.add`, `np.maximum` or `np.minimum`.
    """
    count, width = values.shape
    windows = count - length + 1
    if length == 1:
        return values.copy()
    out = np.empty((windows, width))
    for begin in range(-(first % length), windows, length):
        end = begin + length
        low, high = max(begin, 0), min(end, windows)
        rest = operation.accumulate(values[low:end][::-1], axis=0)[::-1]
        if low > begin:
            out[low:high] = rest[: high - low]
        else:
            out[low] = rest[0]
            out[low + 1 : high] = rest[1 : high - low]
        offset = 0 if low > begin else 1
        shared = out[low + offset : high]
        if len(shared):
            start = operation.accumulate(values[end : high + length - 1], axis=0)
            operation(shared, start[low + offset - begin - 1 :], out=shared)
    return out


def rolling_sum(values: Any, length: int, first: int) -> Any:
    """Return the sums of all windows of `length` rows, without missing values.

    Args:
        values: Rows x assets.
        length: Rows of a window.
        first: Session number of the first row.
    """
    return _reduced(values, length, first, np.add)


def known_sum(values: Any, length: int, first: int) -> tuple[Any, Any]:
    """Return the sums of all windows without missing values, and how many values each
    has.

    Where one is missing, values are added from the oldest to the newest: two windows of
    different lengths over the same few values of a new asset have the same sum, as in
    zipline, and a comparison of their means is False.
    """
    gaps = np.flatnonzero(np.isnan(values).any(axis=0))
    if not len(gaps):
        return rolling_sum(values, length, first), float(length)
    sums = rolling_sum(values, length, first)
    counts = np.full(sums.shape, float(length))
    some = np.take(values, gaps, axis=1)
    missing = np.isnan(some)
    some[missing] = 0.0
    there = rolling_sum((~missing).astype(np.float64), length, first)
    windows = len(sums)
    slow = np.zeros((windows, len(gaps)))
    for age in range(length):
        slow += some[age : age + windows]
    whole = rolling_sum(some, length, first)
    sums[:, gaps] = np.where(there < length, slow, whole)
    counts[:, gaps] = there
    return sums, counts


def known_mean(values: Any, length: int, first: int) -> Any:
    """Return the means of all windows without missing values; NaN where all are."""
    sums, counts = known_sum(values, length, first)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(sums, counts, out=sums)


def known_moments(values: Any, length: int, first: int) -> tuple[Any, Any]:
    """Return means and population standard deviations of all windows, without missing
    values.

    The variance is the mean square less the square of the mean; where that cancels most
    digits, it is the mean of the squared distances.
    """
    mean = known_mean(values, length, first)
    with np.errstate(over="ignore", invalid="ignore"):
        square = known_mean(values * values, length, first)
        variance = square - mean * mean
        weak = ~(variance > _CANCELLED * square) & ~np.isnan(mean)
    if weak.any():
        _from_distances(variance, values, length, mean, np.nonzero(weak))
    return mean, np.sqrt(variance)


# A few windows at a time, so that memory stays bounded if all are weak.
def _from_distances(variance: Any, values: Any, length: int, mean: Any, places: Any) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)
    step = max(1, 2_000_000 // length)
    for low in range(0, len(places[0]), step):
        some = tuple(place[low : low + step] for place in places)
        found = windows[some]
        missing = np.isnan(found)
        distances = np.where(missing, 0.0, found - mean[some][:, None])
        variance[some] = (distances**2).sum(axis=1) / (~missing).sum(axis=1)


def known_extreme(values: Any, length: int, first: int, *, largest: bool) -> Any:
    """Return the largest or smallest value of all windows; NaN where all are
    missing.
    """
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
        all_lost = rolling_sum(missing.astype(np.float64), length, first) == length
        found[all_lost] = np.nan
    return found


def plain_extreme(values: Any, length: int, first: int, *, largest: bool) -> Any:
    """Return the largest or smallest value of all windows; NaN where one is missing."""
    return _reduced(values, length, first, np.maximum if largest else np.minimum)


def weighted_mean(values: Any, weights: Any, centre: Any = None) -> Any:
    """Return weighted means of all windows, or of their squared distances from
    `centre`; NaN where a value is missing.

    Args:
        values: Rows x assets.
        weights: From the oldest row of a window to its newest.
        centre: One number a window and asset, or None.
    """
    length = len(weights)
    windows = len(values) - length + 1
    out = np.zeros((windows, values.shape[1]))
    step = max(1, 100_000 // max(1, values.shape[1]))  # such rows stay in the cache
    for low in range(0, windows, step):
        high = min(low + step, windows)
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
