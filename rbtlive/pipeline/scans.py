"""All windows of a table at once, scanned from their oldest day to their newest.

The rule: only a few numbers are kept per window, so memory is bounded; a number depends
only on the values of its window.
"""

from __future__ import annotations

from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline.rolling import cached_rows, known_counts, rolling_sum

_AT_ONCE = 2_000_000  # number of values ranked together


def place_of_largest(values: Any, length: int) -> Any:
    """Return the row of each window's first largest value; -1 if all are missing."""
    windows = len(values) - length + 1
    out = np.full((windows, values.shape[1]), -1, dtype=np.int64)
    for low, high in cached_rows(windows, values.shape[1]):
        places = out[low:high]
        best = np.full(places.shape, np.nan)
        for age in range(length):
            part = values[low + age : high + age]
            larger = ~((part <= best) | np.isnan(part))
            np.copyto(places, age, where=larger)
            np.fmax(best, part, out=best)
    return out


def deepest_drop(values: Any, length: int) -> Any:
    """Return the largest fall of each window from an earlier peak, as a fraction of its
    end value; NaN if all are missing.
    """
    windows = len(values) - length + 1
    out = np.empty((windows, values.shape[1]))
    for low, high in cached_rows(windows, values.shape[1]):
        shape = (high - low, values.shape[1])
        peak, deepest = np.full(shape, np.nan), np.full(shape, -np.inf)
        top, bottom = np.full(shape, np.nan), np.full(shape, np.nan)
        for age in range(length):
            part = values[low + age : high + age]
            np.fmax(peak, part, out=peak)
            drop = peak - part
            deeper = drop > deepest
            for kept, now in ((deepest, drop), (top, peak), (bottom, part)):
                np.copyto(kept, now, where=deeper)
        with np.errstate(divide="ignore", invalid="ignore"):
            out[low:high] = (top - bottom) / bottom
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
