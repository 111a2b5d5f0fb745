"""Objects of other libraries, lists and dicts become tables.

The rule: nothing is imported to ask what something is; an object is taken by what it
can do.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.data.checking.frames import is_pandas, pandas_column
from rbtlive.data.reading.columns import field_of, role_of
from rbtlive.data.reading.delimited import fresh_name, headerless
from rbtlive.data.reading.files import tables_of_content, tables_of_path
from rbtlive.data.reading.mappings import of_mapping
from rbtlive.data.reading.sequences import flat, of_rows, of_sequences
from rbtlive.data.reading.tables import SEPARATOR, Table
from rbtlive.errors import EmptyData, NotAFrame
from rbtlive.model.arrays import np


def tables_of(source: Any, *, where: str = "the source") -> list[Table]:
    """Return the tables that a source is made of.

    Raises:
        NotAFrame: it is nothing that can hold bars.
        UnreadableFile: a path names no file that can be read.
        EmptyData: there is nothing in it.
    """
    if isinstance(source, str) and "\n" in source:
        return tables_of_content(source.encode(), "text")
    if isinstance(source, (str, Path)):
        return tables_of_path(source)
    if callable(getattr(source, "read", None)):
        return _of_open_file(source)
    if isinstance(source, Mapping):
        return of_mapping(source, where, tables_of)
    one = _of_frame(source, where)
    if one is not None:
        return [one]
    for give in ("to_df", "to_table", "to_pandas", "toPandas", "compute"):
        if callable(getattr(source, give, None)):
            return tables_of(getattr(source, give)(), where=where)
    if is_pandas(getattr(source, "df", None)):  # alpaca-py's BarSet
        return tables_of(source.df, where=where)
    if isinstance(source, Iterable) and not isinstance(source, bytes):
        return _of_list(list(source), where)
    kind = f"{type(source).__module__}.{type(source).__qualname__}".removeprefix("builtins.")
    raise NotAFrame(
        f"{where} must be a frame (polars, pandas, Arrow, DuckDB), a dict of them, a list of rows, "
        f"or a path: was {kind}; build a frame with pl.DataFrame(...)"
    )


def _of_open_file(source: Any) -> list[Table]:
    content = source.read()
    name = getattr(source, "name", None)
    return tables_of_content(
        content.encode() if isinstance(content, str) else bytes(content),
        Path(name).name if isinstance(name, str) else "text",
    )


def _of_frame(source: Any, where: str) -> Table | None:
    if isinstance(source, pl.LazyFrame):
        return Table(source.collect(), where)
    if isinstance(source, pl.DataFrame):
        return _of_polars(source, where)
    if is_pandas(source) or is_pandas(source, "Series"):
        return _of_pandas(source, where)
    if isinstance(source, np.ndarray):
        return _of_array(source, where)
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        return _of_polars(pl.DataFrame(source), where)
    return None


def _of_polars(frame: pl.DataFrame, where: str) -> Table:
    unnamed = all(name.startswith("column_") for name in frame.columns)
    if unnamed and frame.width >= 5:
        named, vendor, starts = headerless(frame)
        return Table(named, where, vendor=vendor, labels="start" if starts else None)
    return Table(flat(frame), where)


# pl.from_pandas needs pyarrow; columns are taken over one by one instead.
def _of_pandas(source: Any, where: str) -> Table:
    symbol = (getattr(source, "attrs", None) or {}).get("symbol")
    if is_pandas(source, "Series"):
        symbol = symbol or (None if field_of(str(source.name)) else source.name)
        source = source.to_frame("close")
    if source.columns.nlevels > 2:
        idle = [n for n in range(source.columns.nlevels) if source.columns.levshape[n] == 1]
        source = source.droplevel(idle[: source.columns.nlevels - 1], axis=1)
    levels = [_index_name(source.index, place) for place in range(source.index.nlevels)]
    columns: dict[str, pl.Series] = {}
    plain_index = source.index.nlevels == 1 and levels[0] is None
    if not (plain_index and type(source.index).__name__ == "RangeIndex"):
        columns |= _index_columns(source.index, levels, source.columns)
    index_names = set(columns)
    for place, name in enumerate(source.columns):
        text = _column_name(name)
        if text in index_names and role_of(text) in ("time", "symbol"):
            continue  # the index kept as a column
        columns[fresh_name(text, columns)] = _column(source.iloc[:, place])
    frame = pl.DataFrame([series.alias(name) for name, series in columns.items()])
    named = _vendor_of(frame, levels)
    return Table(frame, where, symbol=symbol, vendor=named, labels="start" if named else None)


def _index_name(index: Any, place: int) -> str | None:
    name = index.names[place]
    return None if name is None else str(name)


def _index_columns(index: Any, levels: list[str | None], there: Any) -> dict[str, pl.Series]:
    taken = {str(name) for name in there}
    columns = {}
    for place, given in enumerate(levels):
        values = _column(index.get_level_values(place).to_series().reset_index(drop=True))
        timely = isinstance(values.dtype, (pl.Datetime, pl.Date))
        unknown = given is None or (role_of(given) is None and timely)
        name = _level_name(place, taken, timely=timely, alone=len(levels) == 1)
        columns[name if unknown else str(given)] = values
    return columns


# An index of text without a name may be dates that pandas was not asked to parse.
def _level_name(place: int, taken: set[str], *, timely: bool, alone: bool) -> str:
    if timely:
        names = ("timestamp", "date")
    else:
        names = ("date", "index") if alone else ("symbol", "level_0")
    return next((name for name in names if name not in taken), f"level_{place}")


def _column_name(name: Any) -> str:
    if isinstance(name, tuple):
        return SEPARATOR.join(str(part) for part in name if str(part))
    return str(name)


def _column(series: Any) -> pl.Series:
    kind = str(series.dtype)
    if kind.startswith("period"):
        series = series.dt.to_timestamp()
    elif kind == "object":
        first = next((value for value in series if value is not None), None)
        if isinstance(first, (dt.date, dt.time)):
            return pl.Series(list(series), strict=False)
    try:
        return pandas_column(series)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series([None if value is None else str(value) for value in series])


_YAHOO: Final = {"Open", "High", "Low", "Close", "Volume"}


# Vendors whose frames are known by their columns, and stamp bars at the start.
# Sources: yfinance 1.x `history`, alpaca-py `BarSet.df`, databento `DBNStore.to_df`.
def _vendor_of(frame: pl.DataFrame, levels: Sequence[str | None]) -> str | None:
    names = set(frame.columns)
    bare = {name.split(SEPARATOR)[0] for name in names} | {
        name.split(SEPARATOR)[-1] for name in names
    }
    if bare >= _YAHOO and "Datetime" in levels:
        return "yfinance"
    if {"trade_count", "vwap"} <= names:
        return "Alpaca"
    return "Databento" if {"ts_event", "rtype"} <= (names | {str(one) for one in levels}) else None


def _of_array(array: Any, where: str) -> Table:
    if array.dtype.names:
        columns = {name: _moments_in_us(array[name]) for name in array.dtype.names}
        return Table(pl.DataFrame(columns), where)
    if array.ndim != 2:
        raise NotAFrame(
            f"{where} must be an array of rows and columns: had {array.ndim} dimensions; build a "
            "frame with pl.DataFrame(...)"
        )
    return _of_list(array.tolist(), where)[0]


# polars takes numpy's times from milliseconds on
def _moments_in_us(values: Any) -> Any:
    return values.astype("datetime64[us]") if values.dtype.kind == "M" else values


def _of_list(rows: list[Any], where: str) -> list[Table]:
    if not rows:
        raise EmptyData(f"{where} must have at least one bar: was empty; pass bars")
    first = rows[0]
    if isinstance(first, Mapping):
        return [of_rows(rows, where)]
    if hasattr(first, "_asdict"):
        return [of_rows([row._asdict() for row in rows], where)]
    if isinstance(first, tuple) and len(first) == 2 and is_pandas(first[1]):
        return of_mapping(dict(rows), where, tables_of)  # pandas' groupby
    if isinstance(first, Sequence) and not isinstance(first, (str, bytes)):
        return [of_sequences(rows, where)]
    if dataclasses.is_dataclass(first) or hasattr(first, "model_dump"):
        return [of_rows([_facts_of(row) for row in rows], where)]
    if isinstance(first, (str, Path, pl.DataFrame, pl.LazyFrame)) or is_pandas(first):
        return [table for one in rows for table in tables_of(one, where=where)]
    if hasattr(first, "__dict__") and any(role_of(name) for name in vars(first)):
        return [of_rows([vars(row) for row in rows], where)]
    if hasattr(first, "__arrow_c_stream__") or hasattr(first, "__arrow_c_array__"):
        return [Table(pl.DataFrame(one), where) for one in rows]
    raise NotAFrame(
        f"{where} must be a list of rows, frames or paths: was a list of {type(first).__name__}; "
        "build a frame with pl.DataFrame(...)"
    )


def _facts_of(row: Any) -> dict[str, Any]:
    if hasattr(row, "model_dump"):
        return dict(row.model_dump())
    return {one.name: getattr(row, one.name) for one in dataclasses.fields(row)}
