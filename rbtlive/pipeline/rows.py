"""Arithmetic over the rows of a cross-section: quantiles, percentiles, moments.

The rule: arrays in, arrays out, with zipline's numbers: its ties, its cut-offs, its
treatment of missing values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Places, Values
from rbtlive.pipeline.picking import FEW_CALLS, blocks, sorted_between
from rbtlive.pipeline.term import is_missing

_MANY_EDGES = 60  # from this many edges on, each row's are searched by bisection


def nansum(values: Values, axis: int = 0) -> Values:
    """Return sums, ignoring missing values."""
    missing = np.isnan(values)
    result: Values = (np.where(missing, 0.0, values) if missing.any() else values).sum(axis=axis)
    return result


def nanmean(values: Values, axis: int = 0) -> Values:
    """Return means, ignoring missing values; NaN if all are missing."""
    missing = np.isnan(values)
    some = bool(missing.any()) or not values.shape[axis]
    with np.errstate(invalid="ignore", divide="ignore"):
        counts: Any = (~missing).sum(axis=axis) if some else values.shape[axis]
        result: Values = nansum(values, axis) / counts
        return result


def nanstd(values: Values, axis: int = 0) -> Values:
    """Return population standard deviations, ignoring missing values."""
    centre = np.expand_dims(nanmean(values, axis), axis)
    return np.sqrt(nanmean((values - centre) ** 2, axis))


def _extreme(values: Values, axis: int, reduce: Any, empty: float) -> Values:
    missing = np.isnan(values)
    found = reduce(np.where(missing, empty, values), axis=axis)
    return np.where(missing.all(axis=axis), np.nan, found)


def nanmax(values: Values, axis: int = 0) -> Values:
    """Return the largest values; NaN if all are missing."""
    return _extreme(values, axis, np.max, -np.inf)


def nanmin(values: Values, axis: int = 0) -> Values:
    """Return the smallest values; NaN if all are missing."""
    return _extreme(values, axis, np.min, np.inf)


def nanmedian(values: Values, axis: int = 0) -> Values:
    """Return medians, ignoring missing values; NaN if all are missing."""
    missing = np.isnan(values)
    ordered = np.sort(values, axis=axis)  # NaN comes last
    count = (~missing).sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis)
    high = np.take_along_axis(ordered, count // 2 % values.shape[axis], axis)
    middle = np.where(count > 0, (low + np.where(count % 2 == 0, high, low)) / 2.0, np.nan)
    return np.squeeze(middle, axis)


def nanargmax(values: Values, axis: int = 0) -> Values:
    """Return the indices of the largest values.

    Raises:
        ValueError: all values along one axis are missing.
    """
    if np.isnan(values).all(axis=axis).any():
        raise ValueError("All-NaN slice encountered")
    result: Values = np.nanargmax(values, axis=axis)
    return result


def quantile_labels(values: Values, bins: int) -> Values:
    """Return the quantile of each value in its row, from 0; NaN if missing.

    Raises:
        ValueError: two edges of a row are equal.
        Source: pandas 2.3, `qcut`, which zipline applies row by row.
    """
    out = np.full(values.shape, np.nan)
    if bins == 0:
        return out
    shares = np.linspace(0.0, 1.0, bins + 1) * 100.0
    for some in blocks(*values.shape, numbers=FEW_CALLS):
        given = values[some]
        edges, counts = _edges(given, shares)
        equal = np.isnan(edges).any(axis=1) | (edges[:, 1:] == edges[:, :-1]).any(axis=1)
        if bins > 1 and equal.any():  # pandas lets the two edges of one quantile be equal
            row = int(equal.argmax())
            raise ValueError(
                f"Bin edges must be unique: were {edges[row].tolist()} for {bins} quantiles of "
                f"{counts[row]} values; ask for fewer, or mask assets with equal values out"
            )
        out[some] = _edges_below(given, edges[:, 1:-1])
        np.copyto(out[some], np.nan, where=np.isnan(given))
    return out


# Edges of quantiles, rows x shares, and how many values each row has.
def _edges(values: Values, shares: Any) -> tuple[Values, Places]:
    counts = values.shape[1] - np.count_nonzero(np.isnan(values), axis=1)
    ordered = np.sort(values, axis=1)  # NaN comes last
    places = shares / 100.0 * (counts[:, None] - 1)
    lower = np.maximum(np.floor(places), 0).astype(np.int64)
    upper = np.minimum(lower + 1, np.maximum(counts - 1, 0)[:, None])
    below, above = (np.take_along_axis(ordered, one, axis=1) for one in (lower, upper))
    return _mixed(below, above, places - lower), counts


# How many edges of its row each value is above: a value on an edge is below it.
def _edges_below(values: Values, edges: Values) -> Values:
    if edges.shape[1] > _MANY_EDGES:
        lines = zip(edges, values, strict=True)
        return np.array([np.searchsorted(one, row, side="left") for one, row in lines])
    above: Values = np.zeros(values.shape, dtype=np.int8)
    for number in range(edges.shape[1]):
        above += (edges[:, number : number + 1] < values).view(np.int8)
    return above


def percentiles(values: Values, shares: Sequence[float]) -> Values:
    """Return percentiles of each row, rows x shares, interpolated linearly between two
    values; NaN if a whole row is missing.

    Args:
        values: Rows x assets.
        shares: 0 to 100.
    """
    counts = values.shape[1] - np.count_nonzero(np.isnan(values), axis=1)
    found = np.full((len(values), len(shares)), np.nan)
    inner = []
    for number, share in enumerate(shares):
        if share in {0.0, 100.0}:  # the smallest and the largest need no sorting
            extreme = np.fmax if share else np.fmin
            extreme.reduce(values, axis=1, out=found[:, number], initial=np.nan)
        else:
            inner.append(number)
    if inner:
        found[:, inner] = _between(values, counts, np.array(shares)[inner])
    return found


def _between(values: Values, counts: Values, shares: Any) -> Values:
    places = shares / 100.0 * (counts[:, None] - 1)
    lower = np.maximum(np.floor(places), 0).astype(np.int64)
    upper = np.minimum(lower + 1, np.maximum(counts - 1, 0)[:, None])
    some = counts > 0
    ends: Any = zip(lower[some].min(0), upper[some].max(0), strict=True) if some.any() else ()
    ordered = sorted_between(values, [(int(low), int(high)) for low, high in ends])
    below, above = (np.take_along_axis(ordered, one, axis=1) for one in (lower, upper))
    found = _mixed(below, above, places - lower)
    found[~some] = np.nan
    return found


def _mixed(below: Values, above: Values, share: Values) -> Values:
    with np.errstate(invalid="ignore"):
        step = above - below
        result: Values = np.where(share < 0.5, below + step * share, above - step * (1.0 - share))
        return result


def group_codes(values: Values, missing: Any) -> tuple[Values, int]:
    """Return labels as whole numbers, and the number for a missing label."""
    if values.dtype.kind in "iu":
        return values, missing
    lost = is_missing(values, missing)
    codes = np.full(values.shape, -1, dtype=np.int64)
    codes[~lost] = np.unique(values[~lost].astype(str), return_inverse=True)[1]
    return codes, -1
