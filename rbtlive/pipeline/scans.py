"""All windows of a table at once, scanned from their oldest day to their newest.

The rule: only a few numbers are kept per window, so memory is bounded; a number depends
only on the values of its window.
"""

from __future__ import annotations

from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Mask, Values
from rbtlive.pipeline.rolling import cached_rows, known_counts, rolling_sum

_AT_ONCE = 2_000_000  # number of values ranked together
_SMALL = 255  # rows of a window whose numbers have 8 bits


def place_of_largest(values: Any, length: int) -> Any:
    """Return the row of each window's first largest value; -1 if all are missing."""
    windows, width = len(values) - length + 1, values.shape[1]
    out = np.empty((windows, width), dtype=np.int64)
    known = ~np.isnan(values)
    for low, high in cached_rows(windows, width):
        best = np.full((high - low, width), np.nan)
        places = np.zeros(best.shape, dtype=_small(length))
        for age in range(length):
            part = values[low + age : high + age]
            larger = ~(part <= best)
            larger &= known[low + age : high + age]
            _mark(places, larger, age)
            np.fmax(best, part, out=best)
        out[low:high] = places
        out[low:high][np.isnan(best)] = -1
    return out


# Small whole numbers, since a processor takes many of them at once.
def _small(length: int) -> str:
    return "u1" if length <= _SMALL else "u4"


# Ages go up, so that the last one that is marked is the largest.
def _mark(places: Values, where: Mask, age: int) -> None:
    marked = where.view(np.uint8) * places.dtype.type(age)
    np.maximum(places, marked, out=places)


def deepest_drop(values: Any, length: int) -> Any:
    """Return the largest fall of each window from an earlier peak, as a fraction of its
    end value; NaN if all are missing.
    """
    windows, width = len(values) - length + 1, values.shape[1]
    out = np.empty((windows, width))
    flat = values.reshape(-1)
    for low, high in cached_rows(windows, width):
        peak, deepest = (np.full((high - low, width), -np.inf) for _ in range(2))
        tops, peaks, bottoms = (np.zeros(peak.shape, dtype=_small(length)) for _ in range(3))
        for age in range(length):
            part = values[low + age : high + age]
            _mark(peaks, part > peak, age)
            np.fmax(peak, part, out=peak)
            drop = peak - part
            deeper = drop > deepest
            np.fmax(deepest, drop, out=deepest)
            _mark(bottoms, deeper, age)
            chosen = np.negative(deeper.astype(tops.dtype))  # all bits, or none
            tops ^= (tops ^ peaks) & chosen
        cells = np.arange(low * width, high * width).reshape(high - low, width)
        top, bottom = (flat.take(cells + width * one.astype(np.int64)) for one in (tops, bottoms))
        with np.errstate(divide="ignore", invalid="ignore"):
            np.divide(top - bottom, bottom, out=out[low:high])
        out[low:high][np.isneginf(deepest)] = np.nan
    return out


def cross_moments(x: Any, y: Any, length: int) -> tuple[Any, Any, Any, Any, Any]:
    """Return the means of both tables over all windows, and the mean squares and
    products of the differences from them; NaN if a value is missing.

    Args:
        x: Rows x assets, or rows x 1.
        y: Rows x assets.
        length: Number of rows in a window.
    """
    windows, width = len(y) - length + 1, y.shape[1]
    mean_x, mean_y = (rolling_sum(one, length, 0) / length for one in (x, y))
    xx = np.zeros((windows, x.shape[1]))
    xy, yy = np.zeros((windows, width)), np.zeros((windows, width))
    for low, high in cached_rows(windows, width):
        for age in range(length):
            left = x[low + age : high + age] - mean_x[low:high]
            right = y[low + age : high + age] - mean_y[low:high]
            xy[low:high] += left * right
            left *= left
            right *= right
            xx[low:high] += left
            yy[low:high] += right
    return mean_x, mean_y, xx / length, xy / length, yy / length


def known_slope(x: Any, y: Any, length: int, allowed_missing: int) -> Any:
    """Return the slope of `y` on `x` of all windows, over the rows in which both are
    present; NaN if more than `allowed_missing` are missing.

    Args:
        x: Rows x 1.
        y: Rows x assets.
        length: Number of rows in a window.
        allowed_missing: Number of rows that may be missing.
    """
    missing = np.isnan(y) | np.isnan(x)
    gaps = np.flatnonzero(missing.any(axis=0))
    if len(gaps) * 2 > y.shape[1]:
        return _slope_with_gaps(x, y, missing, length, allowed_missing)
    found = _slope(x, y, length)
    some = missing[:, gaps]
    found[:, gaps] = _slope_with_gaps(x, y[:, gaps], some, length, allowed_missing)
    return found


# The slope of columns without missing values: the distances of x are the same for all.
def _slope(x: Values, y: Values, length: int) -> Values:
    mean = rolling_sum(x, length, 0) / length
    up, down = np.zeros((len(mean), y.shape[1])), np.zeros(mean.shape)
    for low, high in cached_rows(*up.shape):
        for age in range(length):
            span = slice(low + age, high + age)
            distance = x[span] - mean[low:high]
            up[low:high] += distance * y[span]
            distance *= distance
            down[low:high] += distance
    with np.errstate(divide="ignore", invalid="ignore"):
        up /= down
    return up


def _slope_with_gaps(
    x: Values, y: Values, missing: Mask, length: int, allowed_missing: int
) -> Values:
    there = (~missing).astype(np.float64)
    left, right = np.where(missing, 0.0, x), np.where(missing, 0.0, y)
    counts = known_counts(missing, length)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = rolling_sum(left, length, 0) / counts
    up, down = np.zeros(mean.shape), np.zeros(mean.shape)
    for low, high in cached_rows(*mean.shape):
        for age in range(length):
            span = slice(low + age, high + age)
            distance = left[span] - mean[low:high]
            distance *= there[span]
            up[low:high] += distance * right[span]
            distance *= distance
            down[low:high] += distance
    with np.errstate(divide="ignore", invalid="ignore"):
        up /= down
    up[length - counts > allowed_missing] = np.nan
    return up


def rank_correlation(x: Any, y: Any, length: int, wanted: Any) -> Any:
    """Return the rank correlation of both tables over each wanted window without
    missing values; NaN elsewhere.

    Args:
        x: Rows x assets, or rows x 1.
        y: Rows x assets.
        length: Number of rows in a window.
        wanted: Windows x assets.
    """
    from scipy.stats import rankdata

    x = np.broadcast_to(x, y.shape)
    whole = known_counts(np.isnan(x) | np.isnan(y), length) == length
    out = np.full(wanted.shape, np.nan)
    rows, columns = np.nonzero(whole & wanted)
    views = [np.lib.stride_tricks.sliding_window_view(one, length, axis=0) for one in (x, y)]
    step = max(1, _AT_ONCE // length)
    for low in range(0, len(rows), step):
        some = rows[low : low + step], columns[low : low + step]
        one, other = (rankdata(view[some], axis=1) - (length + 1) / 2 for view in views)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.sqrt((one * one).sum(axis=1) * (other * other).sum(axis=1))
            out[some] = (one * other).sum(axis=1) / spread
    return out
