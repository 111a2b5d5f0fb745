"""Windows of many days at once, where a formula allows it.

The rule: a number depends on the values of its window alone, digit for digit, never on
where a chunk begins: sums run in blocks that are counted from the calendar's first
session.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline.windows import Loaded, Windows


def rolling_sum(values: Any, length: int, first: int) -> Any:
    """Return the sums of all windows of `length` rows.

    Each window is the end of one block of `length` rows and the start of the next, so
    that a sum takes three additions, whatever its length.
    Source: van Herk (1992), Gil and Werman (1993), there for maxima.

    Args:
        values: Rows x assets, without missing values.
        length: Rows of a window.
        first: Session number of the first row.
    """
    count, width = values.shape
    lead = first % length
    blocks = -(-(lead + count) // length)
    padded = np.zeros((blocks * length, width))
    padded[lead : lead + count] = values
    shaped = padded.reshape(blocks, length, width)
    starts = np.cumsum(shaped, axis=1).reshape(-1, width)
    ends = np.cumsum(shaped[:, ::-1], axis=1)[:, ::-1].reshape(-1, width)
    windows = count - length + 1
    low = np.arange(lead, lead + windows)
    sums = starts[low + length - 1]
    split = low % length != 0
    sums[split] += ends[low[split]]
    return sums


def known_sum(values: Any, length: int, first: int) -> tuple[Any, Any]:
    """Return the sums of all windows without missing values, and how many values each
    has.

    Where one is missing, values are added from the oldest to the newest: two windows of
    different lengths over the same few values of a new asset have the same sum, as in
    zipline, and a comparison of their means is False.
    """
    missing = np.isnan(values)
    if not missing.any():
        return rolling_sum(values, length, first), float(length)
    filled = np.where(missing, 0.0, values)
    sums = rolling_sum(filled, length, first)
    counts = rolling_sum((~missing).astype(np.float64), length, first)
    gaps = np.flatnonzero(missing.any(axis=0))
    some = np.take(filled, gaps, axis=1)
    windows = len(values) - length + 1
    slow = np.zeros((windows, len(gaps)))
    for age in range(length):
        slow += some[age : age + windows]
    sums[:, gaps] = np.where(counts[:, gaps] < length, slow, sums[:, gaps])
    return sums, counts


# The inputs, if they can be taken whole.
def _inputs(windows: Sequence[Any], mask: Any) -> list[Loaded] | None:
    if not all(isinstance(one, Windows) and one.loaded.values.dtype.kind == "f" for one in windows):
        return None
    loaded = [one.loaded for one in windows]
    return loaded if all(one.values.shape[1] == mask.shape[1] for one in loaded) else None


def _masked(values: Any, mask: Any) -> Any:
    return np.where(mask, values, np.nan)


def latest(term: Any, windows: Sequence[Any], mask: Any) -> Any:
    """Return the last value of each window of one row."""
    loaded = _inputs(windows, mask)
    if loaded is None or term.window_length != 1:
        return None
    values = loaded[0].values
    if loaded[0].restatements:
        values = values.copy()
        for row, column, ratio in loaded[0].restatements:
            values[row, column] *= ratio
    return _masked(values, mask)


def returns(term: Any, windows: Sequence[Any], mask: Any) -> Any:
    """Return the change over each window, as a share of its first value."""
    loaded = _inputs(windows, mask)
    if loaded is None:
        return None
    values, _ = loaded[0].levelled(term.window_length)
    last, first = values[term.window_length - 1 :], values[: len(mask)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return _masked((last - first) / first, mask)


def mean(term: Any, windows: Sequence[Any], mask: Any) -> Any:
    """Return the mean of each window."""
    loaded = _inputs(windows, mask)
    if loaded is None:
        return None
    values, levels = loaded[0].levelled(term.window_length)
    sums, counts = known_sum(values, term.window_length, loaded[0].first)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = sums / counts
    return _masked(found if levels is None else found * levels, mask)


def dollar_volume(term: Any, windows: Sequence[Any], mask: Any) -> Any:
    """Return the money traded a day over each window."""
    loaded = _inputs(windows, mask)
    if loaded is None:
        return None
    length = term.window_length
    close, close_levels = loaded[0].levelled(length)
    volume, volume_levels = loaded[1].levelled(length)
    found = known_sum(close * volume, length, loaded[0].first)[0] / length
    for levels in (close_levels, volume_levels):
        if levels is not None:
            found = found * levels
    return _masked(found, mask)
