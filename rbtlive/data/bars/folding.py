"""Build longer bars from shorter ones.

The rule: open is the first, close the last, high and low are the extremes, and volumes
are added one by one in time order, as in a growing bar.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from rbtlive.model.arrays import NDArray, np
from rbtlive.model.bar import BAR_FIELDS


def aggregate_by_session(minute: pl.DataFrame) -> pl.DataFrame:
    """Return the daily bars of intraday bars.

    Args:
        minute: Bars in the form of `minute_frame`.

    Returns:
        Bars in the form of `daily_frame`.
    """
    return folded(minute, minute["session"].to_numpy()).drop("us")


def folded(bars: pl.DataFrame, ends_of_bars: NDArray[Any]) -> pl.DataFrame:
    """Return one bar per asset and END: first open, highest high, lowest low, last
    close, volumes added in order.

    Args:
        bars: Bars in the form of `minute_frame`; without `us`, in the form of
            `daily_frame`.
        ends_of_bars: The END of each bar's longer bar, or another ascending number for
            it.

    Returns:
        `us` (the given number), session (of the first bar), asset, the five fields;
        sorted by `us`, then asset.
    """
    width = int(bars["asset"].max() or 0) + 1  # type: ignore[arg-type]
    key = ends_of_bars
    if width > 1:
        key = key.astype(np.int64) * width + bars["asset"].to_numpy()
    order = None if (key[1:] >= key[:-1]).all() else np.argsort(key, kind="stable")
    if order is not None:
        key = key[order]
    ends = np.append(np.flatnonzero(key[1:] != key[:-1]), len(key) - 1)
    starts = np.append(0, ends[:-1] + 1)

    def rows(name: str) -> NDArray[Any]:
        values = bars[name].to_numpy()
        return values if order is None else values[order]

    # bincount adds one by one, like a session that grows bar by bar; a sum over threads
    # could differ in the last digit
    group = np.repeat(np.arange(len(starts)), ends - starts + 1)
    folds: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
        "first": lambda values: values[starts],
        "highest": lambda values: np.maximum.reduceat(values, starts),
        "lowest": lambda values: np.minimum.reduceat(values, starts),
        "last": lambda values: values[ends],
        "sum": lambda values: np.bincount(group, weights=values),
    }
    return pl.DataFrame(
        {
            "us": (ends_of_bars if order is None else ends_of_bars[order])[starts],
            "session": rows("session")[starts],
            "asset": rows("asset")[starts],
            **{name: folds[field.fold](rows(name)) for name, field in BAR_FIELDS.items()},
        }
    )
