"""Turn objects of other libraries, lists and dicts into tables.

The rule: nothing is imported to identify an object; it is recognized by its methods.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.data.checking.pandas_columns import is_pandas, pandas_column
from rbtlive.data.reading.column_roles import field_of, plain, role_of
from rbtlive.data.reading.delimited import fresh_name
from rbtlive.data.reading.foreign import (
    facts_of_rows,
    frame_of_axes,
    given_frame,
    given_rows,
    rows_of_database,
    symbol_beside,
)
from rbtlive.data.reading.mappings import are_envelopes, of_mapping
from rbtlive.data.reading.nameless import headerless
from rbtlive.data.reading.sequences import of_rows, of_sequences, refuse_mixed
from rbtlive.data.reading.sheets import text_of_sheet, with_index_of_sheet
from rbtlive.data.reading.source_files import tables_of_content, tables_of_path
from rbtlive.data.reading.tables import SEPARATOR, Labels, Table
from rbtlive.data.reading.widening import BESIDE
from rbtlive.errors import EmptyData, NotAFrame
from rbtlive.model.arrays import np


def tables_of(source: Any, *, where: str = "the source") -> list[Table]:
    """Return the tables of a source.

    Raises:
        NotAFrame: the source cannot contain bars.
        UnreadableFile: a path names no readable file.
        EmptyData: the source is empty.
    """
    content = _of_content(source, where)
    if content is not None:
        return content
    if isinstance(source, Mapping) and not hasattr(source, "dims"):
        return of_mapping(source, where, tables_of)
    if (frame := frame_of_axes(source)) is not None:
        return tables_of(frame, where=where)
    one = _of_frame(source, where)
    if one is not None:
        return [one]
    if (given := given_frame(source)) is not None:
        return tables_of(given, where=where)
    if is_pandas(getattr(source, "df", None)):  # the form of alpaca-py's BarSet
        return tables_of(source.df, where=where)
    if (rows := rows_of_database(source, where)) is not None:
        return [of_rows(rows, where)]
    if (rows := given_rows(source)) is not None:
        return _of_list(rows, where)
    if isinstance(source, Iterable):
        tables = _of_list(list(source), where)
        beside = symbol_beside(source)
        return [table.but(symbol=table.symbol or beside) for table in tables]
    kind = f"{type(source).__module__}.{type(source).__qualname__}".removeprefix("builtins.")
    raise NotAFrame(
        f"{where} must be a frame (polars, pandas, Arrow, DuckDB), a dict of them, a list of rows, "
        f"or a path: was {kind}; build a frame with pl.DataFrame(...)"
    )


_JSON: Final = ("[{", "[[", '{"')
"""Text that begins like this is JSON, not a path."""


# Text, paths, bytes and open files.
def _of_content(source: Any, where: str) -> list[Table] | None:
    if isinstance(source, str) and ("\n" in source or source.lstrip()[:2] in _JSON):
        return tables_of_content(source.encode(), "text")
    if isinstance(source, (str, Path)):
        return tables_of_path(source)
    if isinstance(source, (bytes, bytearray)):
        return tables_of_content(bytes(source), "text")
    if callable(getattr(source, "namelist", None)) and isinstance(source.filename, str):
        return tables_of_path(source.filename)  # an open zip file
    return _of_open_file(source, where) if callable(getattr(source, "read", None)) else None


def _of_open_file(source: Any, where: str) -> list[Table]:
    content = source.read()
    if not isinstance(content, (str, bytes, bytearray, memoryview)):
        return tables_of(content, where=where)  # for example Arrow's ParquetFile
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
    if is_pandas(source) and _is_nameless(source.columns):
        return _of_nameless(source, where)
    if is_pandas(source) and (text := text_of_sheet(source)) is not None:
        return tables_of_content(text.encode(), "text")[0].but(where=where)
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
    return Table(frame, where)


# pandas 3 numbers the columns of a text without a header by an Index of integers.
def _is_nameless(columns: Any) -> bool:
    if type(columns).__name__ == "RangeIndex":
        return True
    return len(columns) > 1 and list(columns) == list(range(len(columns)))


# The result of read_csv(header=None).
def _of_nameless(source: Any, where: str) -> Table:
    if type(source.index).__name__ != "RangeIndex":
        source = source.reset_index()
    named = source.set_axis([f"column_{n + 1}" for n in range(source.shape[1])], axis=1)
    frame = _of_pandas(named, where).frame
    return _of_polars(frame, where) if frame.width >= 5 else Table(frame, where)


# pl.from_pandas needs pyarrow; columns are converted one by one instead.
def _of_pandas(source: Any, where: str) -> Table:
    symbol = (getattr(source, "attrs", None) or {}).get("symbol")
    if is_pandas(source, "Series"):
        name = str(source.name)
        symbol = symbol or (None if field_of(name) else source.name)
        if plain(name) in BESIDE:  # yfinance's `Ticker.dividends`
            symbol = None
        source = source.to_frame("close" if plain(name) not in BESIDE else name)
    elif symbol is None and source.columns.nlevels == 1:
        symbol = _symbol_of_axis(source.columns.name)
    if source.columns.nlevels > 2:
        idle = [n for n in range(source.columns.nlevels) if source.columns.levshape[n] == 1]
        source = source.droplevel(idle[: source.columns.nlevels - 1], axis=1)
    source = with_index_of_sheet(source)
    levels = [_index_name(source.index, place) for place in range(source.index.nlevels)]
    columns: dict[str, pl.Series] = {}
    plain_index = source.index.nlevels == 1 and levels[0] is None
    if not (plain_index and type(source.index).__name__ == "RangeIndex"):
        columns |= _index_columns(source.index, levels, source.columns)
    index_names = set(columns)
    for place, name in enumerate(source.columns):
        text = _column_name(name)
        if text in index_names and role_of(text) in ("time", "symbol"):
            continue  # the index is also a column
        columns[fresh_name(text, columns)] = _column(source.iloc[:, place])
    frame = pl.DataFrame([series.alias(name) for name, series in columns.items()])
    named = _vendor_of(frame, levels)
    labels: Labels | None = "end" if _has_periods(source) else "start" if named else None
    return Table(frame, where, symbol=symbol, vendor=named, labels=labels)


# Periods are dated by their last day.
def _has_periods(source: Any) -> bool:
    kinds = [
        *source.dtypes,
        *(source.index.get_level_values(n).dtype for n in range(source.index.nlevels)),
    ]
    return any(str(kind).startswith("period") for kind in kinds)


# Refinitiv's frames of one instrument have its name on the column axis. Source:
# refinitiv.data `get_history`, eikon `get_timeseries`.
def _symbol_of_axis(name: Any) -> str | None:
    is_code = isinstance(name, str) and name.upper() == name and re.search("[A-Z]", name)
    return name if is_code and role_of(name) is None else None


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


# A nameless text index may contain dates that pandas was not asked to parse.
def _level_name(place: int, taken: set[str], *, timely: bool, alone: bool) -> str:
    if timely:
        names = ("timestamp", "date")
    else:
        names = ("date", "index") if alone else ("symbol", "level_0")
    return next((name for name in names if name not in taken), f"level_{place}")


def _column_name(name: object) -> str:
    if isinstance(name, tuple):
        return SEPARATOR.join(str(part) for part in name if str(part))
    return str(name)


def _column(series: Any) -> pl.Series:
    kind = str(series.dtype)
    if kind.startswith("period"):
        # A period's values are known at its end: the day for days and longer ones.
        ends = series.dt.to_timestamp(how="end")
        days = (ends - series.dt.to_timestamp()).max() > dt.timedelta(hours=23)
        series = ends.dt.normalize() if days else ends.dt.ceil("s")
    elif kind == "object":
        first = next((value for value in series if value is not None), None)
        if isinstance(first, (dt.date, dt.time, Mapping)):
            return pl.Series(list(series), strict=False)
        if field_of(str(series.name)) is not None:
            refuse_mixed(str(series.name), series, "the source")
    try:
        return pandas_column(series)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series([None if value is None else str(value) for value in series])


_YAHOO: Final = {"Open", "High", "Low", "Close", "Volume"}


# Vendors whose frames are recognized by their columns, and stamp bars at the start.
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


# polars accepts NumPy times from milliseconds on
def _moments_in_us(values: Any) -> Any:
    return values.astype("datetime64[us]") if values.dtype.kind == "M" else values


def _of_list(rows: list[Any], where: str) -> list[Table]:
    if not rows:
        raise EmptyData(f"{where} must have at least one bar: was empty; pass bars")
    first = rows[0]
    if isinstance(first, tuple) and len(first) == 2 and _is_frame(first[1]):
        return of_mapping(dict(rows), where, tables_of)  # the result of a groupby
    if are_envelopes(rows):
        return [table for one in rows for table in of_mapping(one, where, tables_of)]
    if not _is_frame(first) and (facts := facts_of_rows(rows)) is not None:
        return [of_rows(facts, where)]
    if isinstance(first, Sequence) and not isinstance(first, (str, bytes)):
        return [of_sequences(rows, where)]
    if isinstance(first, (str, Path)) or _is_frame(first):
        return [table for one in rows for table in tables_of(one, where=where)]
    if hasattr(first, "__arrow_c_stream__") or hasattr(first, "__arrow_c_array__"):
        return [Table(pl.DataFrame(one), where) for one in rows]
    raise NotAFrame(
        f"{where} must be a list of rows, frames or paths: was a list of {type(first).__name__}; "
        "build a frame with pl.DataFrame(...)"
    )


def _is_frame(value: object) -> bool:
    return isinstance(value, (pl.DataFrame, pl.LazyFrame)) or is_pandas(value)
