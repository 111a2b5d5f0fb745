"""Renumber bars from symbols to assets: each symbol's first and last bar, and its
asset.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import polars as pl

from rbtlive.data.calendars.calendar import TradingCalendar
from rbtlive.model.arrays import np


def listing(
    frames: Iterable[tuple[pl.DataFrame, Sequence[str]]], calendar: TradingCalendar
) -> dict[str, tuple[date, date]]:
    """Return the first and last session of each symbol."""
    life: dict[str, tuple[date, date]] = {}
    for frame, symbols in frames:
        rows = slice(None) if len(symbols) > 1 else [0, -1]
        asset, session = (frame[name].to_numpy()[rows] for name in ("asset", "session"))
        begins, ends = np.full(len(symbols), -1), np.full(len(symbols), -1)
        ends[asset] = session  # sorted by session: the last value wins
        begins[asset[::-1]] = session[::-1]
        for symbol, begin, end in zip(symbols, begins.tolist(), ends.tolist(), strict=True):
            if begin >= 0:
                first, last = calendar.label(begin), calendar.label(end)
                known = life.get(symbol, (first, last))
                life[symbol] = min(first, known[0]), max(last, known[1])
    return life


def indexed(frame: pl.DataFrame, places: list[int]) -> pl.DataFrame:
    """Return bars numbered by asset: frames are checked before the assets are known, so
    they are numbered by symbol, and sids may define another order.
    """
    if places == list(range(len(places))):
        return frame
    time = frame.columns[0]
    renamed = frame.with_columns(
        pl.Series(places, dtype=pl.Int32).gather(frame["asset"]).alias("asset")
    )
    return renamed.sort(time, "asset").rechunk()
