"""Guess the content of columns with unknown names by their values, for the line that an
error ends with.

The rule: a guess is only written into a question; it is never used for reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.data.checking.frames import READ_ERRORS
from rbtlive.data.checking.pandas_columns import is_pandas
from rbtlive.data.reading.beside import contract_columns
from rbtlive.data.reading.column_roles import Roles, plain, role_of
from rbtlive.data.reading.day_counts import UnclearDays
from rbtlive.data.reading.nameless import price_order
from rbtlive.data.reading.numbers import UnclearDecimals, looks_numeric, number_series
from rbtlive.data.reading.tables import SEPARATOR, Table
from rbtlive.data.reading.timestamps import DayOrMonth, Moments, UnreadableTimes, moments_of
from rbtlive.model.bar import PRICES

_MOST: Final = 24
"""Maximum number of columns examined."""

_ROWS: Final = 5_000
"""Maximum number of rows examined."""

_NAMELESS: Final = re.compile(r"column_\d+")
"""Names that polars and this package give to nameless columns."""

_TO_US: Final = {"s": "* 1_000_000", "ms": "* 1_000", "µs": "* 1", "ns": "// 1_000"}

_MEANS: Final = re.compile("vwap|wap|average|avg|mean|typical|mid|weighted|sma|ema|fair")
_VOLUMES: Final = re.compile("volum|объ[её]м|成交|出来高")
_NO_VOLUMES: Final = re.compile(
    "avg|average|mean|ma$|ma\\d|sma|ema|ratio|change|chg|volatil|implied|realized|std|delta|"
    "quote|dollar|value|rel|rank|profile|bid|ask|buy|sell"
)

_WIDEST_BAR: Final = 2.0
"""The prices of a typical bar differ by no more than this factor."""


def unnamed_prices(frame: pl.DataFrame, roles: Roles) -> dict[str, str]:
    """Return unnamed prices: column by field, empty if none is found."""
    if "close" in roles.fields and contract_columns(frame):
        return {}  # an option chain has bids, asks and greeks
    numbers = _unknown_and_prices(frame, roles)
    lacking = [name for name in PRICES if name not in roles.fields]
    if not lacking:
        return {}
    known = {column: field for field, column in roles.fields.items()}
    names = list(numbers)
    for first in range(len(names) - 3):
        window = names[first : first + 4]
        order = price_order(pl.DataFrame({name: numbers[name] for name in window}))
        if order is None or _is_flat(numbers, window) or _is_far_apart(numbers, window):
            continue
        named = dict(zip(window, order, strict=True))
        if all(known.get(column, field) == field for column, field in named.items()):
            return {field: column for column, field in named.items() if column not in known}
    unknown = [name for name in names if name not in known]
    sided = [name for name in unknown if plain(name) in ("bid", "ask")]
    nameless = [name for name in unknown if _NAMELESS.fullmatch(name)]
    alone = len(unknown) == 1 or len(nameless) == 2  # a trade's price and size
    only = sided if len(sided) == 2 else unknown if alone else []
    return {"close": only[0]} if "close" in lacking and only else {}


def unnamed_volume(frame: pl.DataFrame, roles: Roles) -> str | None:
    """Return the column whose name suggests a volume; None if no name does."""
    if "volume" in roles.fields:
        return None
    for name in frame.columns:
        short = plain(name)
        called = _VOLUMES.search(short) and not _NO_VOLUMES.search(short)
        if called and role_of(name) is None and looks_numeric(frame[name]):
            return name
    return None


def unnamed_time(frame: pl.DataFrame, roles: Roles) -> str | None:
    """Return the first column that contains times; None if no column does."""
    for name in _unknown(frame, roles):
        try:
            moments = moments_of(frame[name].head(_ROWS))
        except (UnreadableTimes, DayOrMonth, UnclearDays, pl.exceptions.PolarsError):
            continue
        us = moments.us.drop_nulls()
        if len(us) == min(_ROWS, frame.height) and (
            not frame[name].dtype.is_numeric() or us.is_sorted()
        ):
            return name
    return None


def unnamed_symbol(frame: pl.DataFrame, roles: Roles, us: pl.Series) -> str | None:
    """Return the column that distinguishes rows of the same time; None if there is
    none.
    """
    for name in _unknown(frame, roles):
        column = frame[name]
        if column.dtype.is_float() or not 1 < column.n_unique() <= max(2, len(column) // 2):
            continue
        if not pl.DataFrame({"us": us, "symbol": column}).is_duplicated().any():
            return name
    return None


def line_of_minutes(source: object, table: Table, roles: Roles, moments: Moments) -> str | None:
    """Return the line that builds minute bars from a frame or text of trades or
    seconds; None if its times are not typed, or it is another source.
    """
    if len(roles.time) != 1:
        return None
    frame, time, close = table.frame, roles.time[0], roles.fields["close"]
    typed = _typed(frame, time, moments)
    made = _frame_of(source, table, time)
    if typed is None or made is None:
        return None
    by = "" if roles.symbol is None else f", group_by={roles.symbol!r}"
    names = {name: roles.fields.get(name, close) for name in PRICES}
    how = {"open": "first", "high": "max", "low": "min", "close": "last"}
    parts = [f"{name}=pl.col({names[name]!r}).{how[name]}()" for name in PRICES]
    sizes = [name for name in frame.columns if plain(name) in ("size", "quantity")]
    sizes += [name for name in frame.columns if _NAMELESS.fullmatch(name) and name != close]
    if volume := roles.fields.get("volume", next(iter(sizes), None)):
        parts.append(f"volume=pl.col({volume!r}).sum()")
    if isinstance(source, (str, Path)) and roles.symbol is None and table.symbol is not None:
        parts.append(f"symbol=pl.lit({table.symbol!r})")
    return (
        f"source = {made}{typed}.sort({time!r}).group_by_dynamic({time!r}, every='1m'{by})"
        f".agg({', '.join(parts)})"
    )


# The expression that converts a column of times to date-times; "" if it contains them,
# None if unknown.
def _typed(frame: pl.DataFrame, time: str, moments: Moments) -> str | None:
    if isinstance(frame.schema[time], pl.Datetime):
        return ""
    unit = moments.origin.removeprefix("epoch in ")
    if unit not in _TO_US or not frame.schema[time].is_numeric():
        return None
    us = f"(pl.col({time!r}) {_TO_US[unit]}).cast(pl.Int64)"
    return f".with_columns(pl.from_epoch({us}, time_unit='us').dt.replace_time_zone('UTC'))"


# The expression for the frame at the start of the line.
def _frame_of(source: Any, table: Table, time: str) -> str | None:
    if isinstance(source, pl.DataFrame):
        return "source"
    if is_pandas(source):
        if time in source.columns:
            return "pl.DataFrame(source)"
        if source.index.name is None and source.index.nlevels == 1:
            return f"pl.DataFrame(source.rename_axis({time!r}).reset_index())"
        return "pl.DataFrame(source.reset_index())" if source.index.name == time else None
    if not isinstance(source, (str, Path)):
        return None
    names = table.frame.columns
    there = "try_parse_dates=True"
    if any(map(_NAMELESS.fullmatch, names)):
        there = f"has_header=False, new_columns={names!r}"
    try:  # the line is only suggested if it reads the same data
        head = _read_head(source, None if "new" not in there else names)
    except READ_ERRORS:
        return None
    same = head.columns == names and head.schema[time] == table.frame.schema[time]
    return f"pl.read_csv({str(source)!r}, {there})" if same else None


def _read_head(path: str | Path, names: list[str] | None) -> pl.DataFrame:
    if not Path(path).is_file():
        return pl.DataFrame()
    if names is None:
        return pl.read_csv(path, try_parse_dates=True, n_rows=_ROWS)
    return pl.read_csv(path, has_header=False, new_columns=names, n_rows=_ROWS)


def _unknown(frame: pl.DataFrame, roles: Roles) -> Iterable[str]:
    taken = {*roles.time, roles.symbol, *roles.fields.values(), *roles.adjusted}
    return [name for name in frame.columns if name not in taken][:_MOST]


def _unknown_and_prices(frame: pl.DataFrame, roles: Roles) -> Mapping[str, pl.Series]:
    if any(SEPARATOR in name for name in frame.columns):
        return {}  # two-part names tell whose price it is
    beside = {*roles.time, roles.symbol, roles.fields.get("volume"), *roles.adjusted}
    beside |= set(contract_columns(frame))
    named = {column for field, column in roles.fields.items() if field != "volume"}
    found = {}
    for name in [one for one in frame.columns if one not in beside][:_MOST]:
        column = frame[name].head(_ROWS)
        means = name not in named and _MEANS.search(plain(name))
        if means or not looks_numeric(column) or column.null_count() == len(column):
            continue
        try:
            read = number_series({name: column}, decimal_comma=None)[name]
        except UnclearDecimals:
            return {}
        values = read.cast(pl.Float64, strict=False)
        if not (values < 0.0).any():  # an account statement has negative amounts
            found[name] = values
    return found


# A company's number beside its prices fits an order of prices too.
def _is_far_apart(numbers: Mapping[str, pl.Series], names: list[str]) -> bool:
    frame = pl.DataFrame({name: numbers[name] for name in names})
    span = pl.max_horizontal(names) / pl.min_horizontal(names)
    typical = frame.filter(pl.min_horizontal(names) > 0).select(span.median()).item()
    return typical is not None and typical > _WIDEST_BAR


# Numbers that are equal within each row fit every order and decide nothing.
def _is_flat(numbers: Mapping[str, pl.Series], names: list[str]) -> bool:
    frame = pl.DataFrame({name: numbers[name] for name in names})
    return bool(
        frame.select(pl.max_horizontal(names) == pl.min_horizontal(names)).to_series().all()
    )
