"""Turn lists of rows into tables: dicts, and cells without names.

The rule: an exchange's row begins with the epoch of the bar's start; the order of
prices is found from the values that prices can have.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

import polars as pl

from rbtlive.data.reading.column_roles import field_of, plain, role_of
from rbtlive.data.reading.nameless import headerless
from rbtlive.data.reading.tables import Labels, Table
from rbtlive.errors import NotAFrame, WrongColumnType
from rbtlive.model.arrays import np
from rbtlive.model.bar import OHLCV, PRICES

_SIDES: Final = ("mid", "trade", "trades", "last", "bid", "ask")
"""If a bar has several sets of prices, the first of these is used."""

_BEYOND: Final = 2**64
_COUNTS: Final = ("$numberLong", "$numberInt")
"""Types of whole numbers, which MongoDB writes as texts."""


# Types that polars would convert to numbers, beside numbers. Computed when there are
# rows: importing this module does not load numpy.
@cache
def _no_numbers() -> tuple[type, ...]:
    return (dt.timedelta, dt.date, dt.time, np.timedelta64, np.datetime64, bool, np.bool_)


def refuse_mixed(name: str, values: Iterable[Any], where: str) -> None:
    """Raise an error for date-times and booleans among the numbers of a field.

    Raises:
        WrongColumnType: for the first such value.
    """
    values = list(values)
    kinds = set(map(type, values))
    mixed = len(kinds) > 1 and any(issubclass(kind, _no_numbers()) for kind in kinds)
    row = next((n for n, one in enumerate(values) if _is_no_number(one, mixed=mixed)), None)
    if row is None:
        return
    bad = values[row]
    raise WrongColumnType(
        f"column {name!r} of {where} must hold numbers: was {bad!r} in row {row}; write a number, "
        "or nothing where the bar is missing"
    )


# Integers beyond polars' range would become missing bars.
def _is_no_number(value: object, *, mixed: bool) -> bool:
    if type(value) is int:
        return not -_BEYOND < value < _BEYOND
    return mixed and isinstance(value, _no_numbers())


def of_rows(rows: Sequence[Any], where: str) -> Table:
    """Return the table of dicts.

    Raises:
        WrongColumnType: a field mixes numbers with other values.
    """
    facts = [dict(row) for row in rows]
    for name in dict.fromkeys(name for row in facts for name in row):
        if field_of(str(name)) is not None:
            refuse_mixed(str(name), (row.get(name) for row in facts), where)
    frame = pl.DataFrame(facts, infer_schema_length=None, strict=False)
    frame = flat(frame)
    names = set(map(plain, frame.columns))
    # Alpaca's and Polygon's JSON: one letter per field, t is the start
    letters: Labels | None = "start" if {"t", "o", "h", "l", "c"} <= names else None
    return Table(frame, where, labels=letters)


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame without nested columns: {"mid": {"o": 1.5, ...}} becomes "o"; with
    several sets of prices the others keep their name as a prefix, as in "bid.o". A
    price with a bid and an ask inside becomes "bid_open" and "ask_open".
    """
    frame = _without_types(_with_sides_within(frame))
    nested = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Struct)]
    frame = _with_times_within(frame, nested)
    priced = [
        name for name in nested if plain(name) not in OHLCV and _has_close(frame.schema[name])
    ]
    if not priced:
        return frame
    sides = [plain(name) for name in priced]
    first = next((priced[sides.index(side)] for side in _SIDES if side in sides), priced[0])
    one_side = len(priced) == 1 or plain(first) not in ("bid", "ask")
    columns: list[pl.Series] = []
    for name in frame.columns:
        if name not in priced:
            columns.append(frame[name])
            continue
        inner = frame[name].struct.unnest()
        bare = one_side and name == first and not {one.name for one in inner} & set(frame.columns)
        columns += [one if bare else one.alias(_sided(name, one.name)) for one in inner]
    return pl.DataFrame(columns)


# IG's JSON has both sides in each price: {"openPrice": {"bid": 1.5, "ask": 1.6}}.
# Source: labs.ig.com, REST "/prices/{epic}".
def _with_sides_within(frame: pl.DataFrame) -> pl.DataFrame:
    if not any(isinstance(dtype, pl.Struct) for dtype in frame.dtypes):
        return frame
    columns: list[pl.Series] = []
    for column in frame:
        field = field_of(column.name)
        if field not in PRICES or not _is_of_sides(column.dtype):
            columns.append(column)
            continue
        inner = column.struct.unnest()
        known = [one for one in inner if one.null_count() < len(one)] or list(inner)
        if len(known) == 1:
            columns.append(known[0].alias(column.name))
        else:
            columns += [one.alias(f"{one.name}_{field}") for one in known]
    return pl.DataFrame(columns)


# Database documents name the type of each value: {"$numberDouble": "1.5"} in MongoDB,
# {"N": "1.5"} in DynamoDB. Sources: mongodb.com, "MongoDB Extended JSON (v2)"; AWS,
# DynamoDB, "AttributeValue".
def _without_types(frame: pl.DataFrame) -> pl.DataFrame:
    columns: list[pl.Series] = []
    for column in frame:
        while isinstance(column.dtype, pl.Struct) and _are_types(column.dtype):
            inner = [one for one in column.struct.unnest() if one.null_count() < len(one)]
            if len(inner) != 1:
                break
            marked = inner[0].alias(column.name)
            counts = inner[0].name in _COUNTS and marked.dtype == pl.String
            column = marked.cast(pl.Int64, strict=False) if counts else marked  # noqa: PLW2901
        columns.append(column)
    return pl.DataFrame(columns)


def _are_types(dtype: pl.Struct) -> bool:
    names = {inner.name for inner in dtype.fields}
    return all(name.startswith("$") for name in names) or names <= {"S", "N", "NULL", "BOOL"}


def _is_of_sides(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Struct) and all(
        plain(inner.name) in (*_SIDES, "lasttraded") for inner in dtype.fields
    )


# Databento's JSON has the time in a header of each row: {"hd": {"ts_event": ...}, ...}
def _with_times_within(frame: pl.DataFrame, nested: list[str]) -> pl.DataFrame:
    if any(role_of(name) == "time" for name in frame.columns):
        return frame
    for name in nested:
        inner = frame.schema[name]
        assert isinstance(inner, pl.Struct)
        if any(role_of(field.name) == "time" for field in inner.fields):
            fresh = [one for one in frame[name].struct.unnest() if one.name not in frame.columns]
            return frame.with_columns(fresh)
    return frame


def _sided(side: str, name: str) -> str:
    return f"{side}_{field_of(name) or name}"


def _has_close(dtype: Any) -> bool:
    return any(field_of(field.name) == "close" for field in dtype.fields)


def of_sequences(rows: Sequence[Any], where: str) -> Table:
    """Return the table of rows of cells: a time, four prices, usually a volume.

    Raises:
        NotAFrame: a row is too short.

    Source: docs.ccxt.com, "OHLCV Structure": [start in ms, open, high, low, close,
    volume]; exchanges' own rows continue with turnover and counts.
    """
    if _are_names(rows[0]) and len(rows) > 1:
        named = {
            str(name): _numbers([row[place] if place < len(row) else None for row in rows[1:]])
            for place, name in enumerate(rows[0])
        }
        return Table(pl.DataFrame(named, strict=False), where)
    width = max(map(len, rows))
    if width < 5:
        raise NotAFrame(
            f"{where} must have rows of a time, open, high, low and close: was {list(rows[0])!r}; "
            "build a frame with names, pl.DataFrame({...})"
        )
    columns = [[row[place] if place < len(row) else None for row in rows] for place in range(width)]
    for place, values in enumerate(columns[1:], 1):
        refuse_mixed(f"column_{place + 1}", values, where)
    frame = pl.DataFrame(
        {f"column_{place + 1}": _numbers(values) for place, values in enumerate(columns)},
        strict=False,
    )
    frame, vendor, _ = headerless(frame)
    epochs = _is_epoch(frame.to_series(0))
    if vendor is None and epochs and width == 6:
        vendor = "ccxt"
    return Table(frame, where, vendor=vendor, labels="start" if vendor or epochs else None)


# csv.reader and sheets give the header as the first row.
def _are_names(row: Sequence[Any]) -> bool:
    return all(isinstance(cell, str) for cell in row) and any(map(field_of, row))


# Exchanges send numbers as text.
def _numbers(values: list[Any]) -> Any:
    first = next((value for value in values if value is not None), None)
    if not isinstance(first, str):
        return values
    text = pl.Series(values, dtype=pl.String, strict=False)
    kind = pl.Int64 if "." not in first else pl.Float64
    read = text.cast(kind, strict=False)
    if read.null_count() != text.null_count():
        read = text.cast(pl.Float64, strict=False)
    return read if read.null_count() == text.null_count() else values


def _is_epoch(column: pl.Series) -> bool:
    return column.dtype.is_numeric() and float(column[0] or 0) > 10**9
