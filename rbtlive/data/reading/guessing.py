"""What columns of unknown names hold, by their values: for the line that an error ends
with.

The rule: a guess is only ever written into a question; nothing is read by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import polars as pl

from rbtlive.data.checking.frames import is_pandas
from rbtlive.data.reading.beside import contract_columns
from rbtlive.data.reading.column_roles import Roles, plain, role_of
from rbtlive.data.reading.day_counts import UnclearDays
from rbtlive.data.reading.delimited import price_order
from rbtlive.data.reading.numbers import UnclearDecimals, looks_numeric, number_series
from rbtlive.data.reading.tables import SEPARATOR
from rbtlive.data.reading.timestamps import DayOrMonth, UnreadableTimes, moments_of
from rbtlive.model.bar import PRICES

_MOST: Final = 24
"""So many columns are looked at."""

_ROWS: Final = 5_000
"""Of so many rows."""

_MEANS: Final = re.compile("vwap|wap|average|avg|mean|typical|mid|weighted|sma|ema|fair")
_VOLUMES: Final = re.compile("volum|объ[её]м|成交|出来高")
_NO_VOLUMES: Final = re.compile(
    "avg|average|mean|ma$|ma\\d|sma|ema|ratio|change|chg|volatil|implied|realized|std|delta|"
    "quote|dollar|value|rel|rank|profile|bid|ask|buy|sell"
)


def unnamed_prices(frame: pl.DataFrame, roles: Roles) -> dict[str, str]:
    """Return the prices that are not named: field to column, empty if none is found."""
    if "close" in roles.fields and contract_columns(frame):
        return {}  # a chain has bids, asks and greeks
    numbers = _unknown_and_prices(frame, roles)
    lacking = [name for name in PRICES if name not in roles.fields]
    if not lacking:
        return {}
    known = {column: field for field, column in roles.fields.items()}
    names = list(numbers)
    for first in range(len(names) - 3):
        window = names[first : first + 4]
        order = price_order(pl.DataFrame({name: numbers[name] for name in window}))
        if order is None or _is_flat(numbers, window):
            continue
        named = dict(zip(window, order, strict=True))
        if all(known.get(column, field) == field for column, field in named.items()):
            return {field: column for column, field in named.items() if column not in known}
    unknown = [name for name in names if name not in known]
    sided = [name for name in unknown if plain(name) in ("bid", "ask")]
    nameless = [name for name in unknown if re.fullmatch(r"column_\d+", name)]
    alone = len(unknown) == 1 or len(nameless) == 2  # a trade's price and size
    only = sided if len(sided) == 2 else unknown if alone else []
    return {"close": only[0]} if "close" in lacking and only else {}


def unnamed_volume(frame: pl.DataFrame, roles: Roles) -> str | None:
    """Return the column that is called something like a volume; None without one."""
    if "volume" in roles.fields:
        return None
    for name in frame.columns:
        short = plain(name)
        called = _VOLUMES.search(short) and not _NO_VOLUMES.search(short)
        if called and role_of(name) is None and looks_numeric(frame[name]):
            return name
    return None


def unnamed_time(frame: pl.DataFrame, roles: Roles) -> str | None:
    """Return the first column that holds times; None without one."""
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
    """Return the column that tells rows of one time apart; None without one."""
    for name in _unknown(frame, roles):
        column = frame[name]
        if column.dtype.is_float() or not 1 < column.n_unique() <= max(2, len(column) // 2):
            continue
        if not pl.DataFrame({"us": us, "symbol": column}).is_duplicated().any():
            return name
    return None


def line_of_minutes(source: Any, frame: pl.DataFrame, roles: Roles) -> str | None:
    """Return the line that makes minute bars of a frame of trades or seconds; None
    where its times are not typed, or it is no frame.
    """
    if len(roles.time) != 1 or not isinstance(frame.schema[roles.time[0]], pl.Datetime):
        return None
    time, close = roles.time[0], roles.fields["close"]
    if is_pandas(source):
        made = "source" if time in source.columns else "source.reset_index()"
        if time not in source.columns and source.index.name != time:
            return None
    elif isinstance(source, pl.DataFrame):
        made = "source"
    else:
        return None
    by = "" if roles.symbol is None else f", group_by={roles.symbol!r}"
    names = {name: roles.fields.get(name, close) for name in PRICES}
    how = {"open": "first", "high": "max", "low": "min", "close": "last"}
    parts = [f"{name}=pl.col({names[name]!r}).{how[name]}()" for name in PRICES]
    sizes = [name for name in frame.columns if plain(name) in ("size", "quantity")]
    if volume := roles.fields.get("volume", next(iter(sizes), None)):
        parts.append(f"volume=pl.col({volume!r}).sum()")
    return (
        f"source = pl.DataFrame({made}).sort({time!r}).group_by_dynamic({time!r}, every='1m'{by})"
        f".agg({', '.join(parts)})"
    )


def _unknown(frame: pl.DataFrame, roles: Roles) -> Iterable[str]:
    taken = {*roles.time, roles.symbol, *roles.fields.values(), *roles.adjusted}
    return [name for name in frame.columns if name not in taken][:_MOST]


def _unknown_and_prices(frame: pl.DataFrame, roles: Roles) -> Mapping[str, pl.Series]:
    if any(SEPARATOR in name for name in frame.columns):
        return {}  # names in two parts say of whom a price is
    beside = {*roles.time, roles.symbol, roles.fields.get("volume"), *roles.adjusted}
    beside |= set(contract_columns(frame))
    named = {column for field, column in roles.fields.items() if field != "volume"}
    found = {}
    for name in [one for one in frame.columns if one not in beside][:_MOST]:
        column = frame[name].head(_ROWS)
        means = name not in named and _MEANS.search(plain(name))
        if means or not looks_numeric(column) or column.dtype == pl.Null:
            continue
        try:
            read = number_series({name: column}, decimal_comma=None)[name]
        except UnclearDecimals:
            return {}
        found[name] = read.cast(pl.Float64, strict=False)
    return found


# Numbers that are all the same in a row fit every order, and say nothing.
def _is_flat(numbers: Mapping[str, pl.Series], names: list[str]) -> bool:
    frame = pl.DataFrame({name: numbers[name] for name in names})
    return bool(
        frame.select(pl.max_horizontal(names) == pl.min_horizontal(names)).to_series().all()
    )
