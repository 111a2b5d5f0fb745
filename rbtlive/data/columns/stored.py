"""Convert further columns to frames, stored beside a journal, and back.

The rule: values come back unchanged; symbols and sessions that the other portal does
not have are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import polars as pl

from rbtlive.data.calendars.grid import BarGrid
from rbtlive.data.columns.found import ROW, FoundColumns, Part
from rbtlive.data.columns.keyed import GivenColumns, PortalColumns
from rbtlive.model.arrays import np
from rbtlive.model.interval import MINUTE

if TYPE_CHECKING:
    from rbtlive.data.columns.keyed import KeyedColumns
    from rbtlive.data.portal import PolarsDataPortal


def column_frames(portal: PolarsDataPortal) -> list[pl.DataFrame]:
    """Return the further columns of a portal, one frame per length of bars: `timestamp`
    (UTC) or `date` (session labels), `symbol`, and one Float64 column each.
    """
    frames = []
    for columns in portal.further.given:
        held = {name: columns.values(name) for name in columns.names}
        shown = {name: values for name, values in held.items() if values is not None}
        if shown:
            frames.append(_keys(portal, columns).with_columns(**shown))
    return frames


def _keys(portal: PolarsDataPortal, columns: KeyedColumns) -> pl.DataFrame:
    symbols = pl.Series("symbol", [asset.symbol for asset in portal.assets], dtype=pl.String)
    if columns is portal.further.intraday:
        times = pl.Series("timestamp", columns.times).cast(pl.Datetime("us", "UTC"))
    else:
        times = pl.Series("date", portal.calendar.labels[columns.times], dtype=pl.Date)
    return pl.DataFrame([times, symbols.gather(columns.assets)])


def columns_of_frames(frames: Iterable[pl.DataFrame], portal: PolarsDataPortal) -> PortalColumns:
    """Return the result of `column_frames` as the columns of another portal; symbols
    and sessions unknown to this one are dropped.
    """
    intraday, days = None, []
    for frame in frames:
        columns = _given(frame, portal)
        if frame.columns[0] == "timestamp":
            intraday = columns
        else:
            days.append(columns)
    made = PortalColumns.beside(None, intraday)
    return PortalColumns((*days, *made.days), intraday)


def _given(frame: pl.DataFrame, portal: PolarsDataPortal) -> GivenColumns:
    index = {asset.symbol: asset.index for asset in portal.assets}
    assets = frame["symbol"].replace_strict(index, default=-1, return_dtype=pl.Int32)
    if frame.columns[0] == "timestamp":
        us = frame["timestamp"].dt.epoch("us")
        sessions = BarGrid(portal.calendar, MINUTE).sessions_of_ends(us.to_numpy())
        times = [us.alias("us")]
    else:
        dates = frame["date"].to_numpy().astype("datetime64[D]")
        sessions, times = portal.calendar.sessions_of_labels(dates), []
    session = pl.Series("session", sessions.astype(np.int32))
    bars = pl.DataFrame([*times, session, assets.alias("asset")]).with_row_index(ROW)
    known = bars.filter((pl.col("session") >= 0) & (pl.col("asset") >= 0))
    names = tuple(frame.columns[2:])
    part = Part(frame.select(names), names, frame.height)
    return GivenColumns(
        known.select(*[one.name for one in times], "session", "asset", ROW), FoundColumns([part])
    )
