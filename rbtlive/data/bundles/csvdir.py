"""zipline's csvdir bundle: a folder with daily/SYMBOL.csv and minute/SYMBOL.csv."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.data.portal import PolarsDataPortal
from rbtlive.data.reading.bar_reader import ReadBars, read_bars
from rbtlive.errors import InvalidSetting, UnreadableFile

_TAKEN: Final = ("split", "dividend")
"""Columns that become splits and dividends of the portal."""


def csvdir_equities(
    tframes: Sequence[str] | None = None, csvdir: str | os.PathLike[str] | None = None
) -> Callable[..., PolarsDataPortal]:
    """Return a source for `register` from a folder of CSV files.

    The files have zipline's columns: date, open, high, low, close, volume, and
    optionally dividend (money per share) and split (zipline's ratio, old shares / new).

    Args:
        tframes: "daily", "minute" or both; default: whichever folders exist.
        csvdir: The folder. Default: the variable CSVDIR.
    """
    return _CsvDir(None if tframes is None else tuple(tframes), csvdir)


class _CsvDir:
    def __init__(self, frames: tuple[str, ...] | None, folder: Any) -> None:
        self._frames = frames
        self._folder = folder

    def __call__(self, *, calendar: str | None = None) -> PolarsDataPortal:
        folder = self._folder or os.environ.get("CSVDIR")
        if not folder:
            raise InvalidSetting(
                "csvdir_equities() needs a folder: pass csvdir=..., or set the variable CSVDIR"
            )
        path = Path(folder).expanduser()
        wanted = self._frames or tuple(
            name for name in ("daily", "minute") if (path / name).is_dir()
        )
        if not wanted:
            raise UnreadableFile(
                f"csvdir must hold a folder daily or minute: was {str(path)!r}; check the path"
            )
        parts = {name: read_bars(path / name, calendar=calendar) for name in wanted}
        return _portal(parts, path)


def _portal(parts: dict[str, ReadBars], path: Path) -> PolarsDataPortal:
    daily, minute = parts.get("daily"), parts.get("minute")
    one = minute or daily
    assert one is not None
    splits, dividends = _actions(path / "daily")
    return PolarsDataPortal(
        None if daily is None else daily.source(without=_TAKEN),
        minute_bars=None if minute is None else minute.source(without=_TAKEN),
        interval=None if minute is None else one.placed.interval,
        calendar=one.placed.calendar,
        splits=splits,
        dividends=dividends,
    )


# Source: zipline-reloaded 3.2.1, data/bundles/csvdir.py.
def _actions(folder: Path) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    splits, dividends = [], []
    for file in sorted(folder.glob("*.csv")):
        frame = pl.read_csv(file, try_parse_dates=True)
        day = frame.columns[0]
        symbol = pl.lit(file.stem).alias("symbol")
        if "split" in frame.columns:
            changed = frame.filter(~pl.col("split").is_in([0.0, 1.0]))
            splits.append(
                changed.select(
                    symbol,
                    pl.col(day).cast(pl.Date).alias("effective_date"),
                    (1 / pl.col("split")).alias("ratio"),
                )
            )
        if "dividend" in frame.columns:
            paid = frame.filter(pl.col("dividend") != 0)
            dividends.append(
                paid.select(
                    symbol,
                    pl.col(day).cast(pl.Date).alias("ex_date"),
                    pl.col(day).cast(pl.Date).alias("pay_date"),
                    pl.col("dividend").cast(pl.Float64).alias("amount"),
                )
            )
    return _joined(splits), _joined(dividends)


def _joined(frames: list[pl.DataFrame]) -> pl.DataFrame | None:
    rows = [frame for frame in frames if frame.height]
    return pl.concat(rows) if rows else None


def csvdir_bundle(*_: object, **__: object) -> PolarsDataPortal:
    """Return the portal of the folder in CSVDIR; zipline's writers are ignored."""
    return _CsvDir(None, None)()
