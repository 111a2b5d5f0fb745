"""Turn wide tables, with one column per symbol, into long ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import polars as pl

from rbtlive.data.reading.column_roles import Roles, field_of, plain, role_of, roles_of
from rbtlive.data.reading.day_counts import UnclearDays
from rbtlive.data.reading.names import ADJUSTED
from rbtlive.data.reading.numbers import looks_numeric
from rbtlive.data.reading.tables import SEPARATOR, Table
from rbtlive.data.reading.timestamps import DayOrMonth, UnreadableTimes, moments_of
from rbtlive.model.bar import OHLCV

_CAPITALS: Final = r"(?<=[a-z])(?=[A-Z0-9^])|(?<=[A-Z0-9])(?=[A-Z][a-z])"
"""Where CloseAAPL and AAPLClose come apart."""

_SPLITS: Final = (r"\|", r"', ?'", r"\s*[.:/]\s*", r"[_\s]", r"-", _CAPITALS)
_TEXTS: Final = (pl.String, pl.Categorical, pl.Enum)
_VALUES: Final = ("value", "values", "val", "level1", "0")
_PARTS: Final = ("year", "month", "day", "hour", "minute", "second")
BESIDE: Final = ("dividends", "stocksplits", "capitalgains", "repaired", "vwap", "changepercent")
"""Columns beside the fields of a symbol."""

_OF_MERGES: Final = frozenset(("x", "y", "left", "right", "l", "r"))
"""Endings that pandas', polars' and R's joins give to columns of the same name."""

_OF_QUERIES: Final = ("result", "table", "_start", "_stop")
"""InfluxDB's columns about the query in each row. Source: docs.influxdata.com,
"Annotated CSV".
"""


def long_tables(
    table: Table, columns: Mapping[str, str] | None, *, symbol: str | None = None
) -> list[tuple[Table, Roles]]:
    """Return long tables with their roles: the table itself, or one per symbol of a
    wide table.

    Args:
        table: The table.
        columns: The user's roles of its columns.
        symbol: The only wanted symbol, if the user gives one.
    """
    table = _unmelted(_with_whole_volume(_with_whole_dates(_turned(table))))
    roles = roles_of(table, columns)
    letters = _are_letters_of_symbols(table.frame.columns, roles)
    if "close" in roles.fields and not letters and not _of_many(table.frame.columns, roles):
        return [(table, roles)]
    by_symbol = _by_symbol(table.frame, roles)
    if by_symbol is not None:
        return _taken_apart(table, by_symbol)
    closes = _symbols_as_columns(table.frame, roles)
    if closes is not None:
        time, names = closes
        if symbol is not None and len(names) > 1:
            names = [name for name in names if name == symbol]
        elif len(names) == 1 and table.symbol is not None and not names[0].isupper():
            roles.fields["close"] = names[0]  # for example "Koers" in AAPL.csv
            names = []
        if not names:
            return [(table, roles)]
        return _taken_apart(table, (time, {name: {"close": name} for name in names}))
    return [(table, roles)]


def endings_of_merges(names: Iterable[str], tables: Iterable[Table]) -> list[str]:
    """Return the endings of columns that a join of two frames made, such as "_x" and
    "_y", if the tables taken apart have them in place of symbols; otherwise nothing.

    Args:
        names: The columns of the wide table.
        tables: The tables made of it.
    """
    symbols = [str(table.symbol) for table in tables]
    if len(symbols) < 2 or not set(symbols) <= _OF_MERGES:
        return []
    there = list(names)
    found = [next((n for n in there if n.endswith(one)), "")[-len(one) - 1 :] for one in symbols]
    return found if all(ending and not ending[0].isalnum() for ending in found) else []


def unlike_symbols(tables: Iterable[tuple[Table, Roles]]) -> tuple[list[str], list[str]]:
    """Return the symbols in capitals of columns of closes, and the words in small
    letters beside them, such as "signal" and "month"; nothing if there are not both.
    """
    names = [str(table.symbol) for table, roles in tables if [*roles.fields] == ["close"]]
    words = [name for name in names if len(name) > 3 and re.fullmatch(r"[a-z_]+", name)]
    capitals = [name for name in names if name.isupper()]
    both = len(words) + len(capitals) == len(names) and words and capitals
    return (capitals, words) if both else ([], [])


# One row per field and one column per date, as in sheets for people.
def _turned(table: Table) -> Table:
    frame = table.frame
    if not 4 <= frame.height <= 12 or frame.width < 3 or frame.dtypes[0] not in _TEXTS:
        return table
    names = frame.to_series(0).cast(pl.String).fill_null("").to_list()
    if "close" not in map(field_of, names) or len(set(names)) < len(names):
        return table
    times = frame.columns[1:]
    try:
        if moments_of(pl.Series("date", times)).us.null_count():
            return table
        rest = frame.drop(frame.columns[0]).transpose(column_names=names)
    except (UnreadableTimes, DayOrMonth, UnclearDays, pl.exceptions.PolarsError):
        return table
    return table.but(frame=pl.DataFrame([pl.Series("date", times), *rest]))


# Dates with a column for each part: year, month, day, and hour, minute, second.
def _with_whole_dates(table: Table) -> Table:
    parts = {plain(name): name for name in table.frame.columns if plain(name) in _PARTS}
    dated = any(
        role_of(name) == "time" and name not in parts.values() for name in table.frame.columns
    )
    if dated or not {"year", "month", "day"} <= parts.keys():
        return table
    given = [pl.col(parts[part]).cast(pl.Int32, strict=False) for part in _PARTS if part in parts]
    whole = (pl.date(*given) if len(given) == 3 else pl.datetime(*given)).alias("date")
    rest = [name for name in table.frame.columns if name not in parts.values()]
    try:
        return table.but(frame=table.frame.select(whole, *rest))
    except pl.exceptions.PolarsError:  # not a valid date
        return table


# TradeStation counts the volume of upticks and downticks separately. Source:
# help.tradestation.com, "Data Export": intraday bars have "Up" and "Down".
def _with_whole_volume(table: Table) -> Table:
    names = {plain(name): name for name in table.frame.columns}
    if not {"up", "down"} <= names.keys() or "close" not in map(field_of, names.values()):
        return table
    if any(role_of(name) == "volume" for name in names.values()):
        return table
    parts = table.frame.select(names["up"], names["down"])
    if not all(dtype.is_integer() for dtype in parts.dtypes):
        return table
    whole = parts.sum_horizontal().alias("volume")
    return table.but(frame=table.frame.drop(parts.columns).with_columns(whole))


# One row per field, as from pandas' melt and many databases: a column of field names
# and one of values.
def _unmelted(table: Table) -> Table:
    frame = table.frame
    if {"_time", "_field", "_value"} <= set(frame.columns):
        frame = frame.drop(_OF_QUERIES, strict=False)
    texts = [name for name in frame.columns if frame[name].dtype in _TEXTS]
    for name in texts:
        kinds = frame[name].head(1_000).unique().drop_nulls().cast(pl.String).to_list()
        if len(kinds) < 2 or {field_of(kind) for kind in kinds} - {*OHLCV, "adjusted"}:
            continue
        values = [other for other in frame.columns if plain(other) in _VALUES]
        values = values or [n for n in frame.columns if n != name and frame[n].dtype.is_float()]
        rest = [other for other in frame.columns if other != name and other not in values]
        if len(values) == 1 and rest and not frame.select(name, *rest).is_duplicated().any():
            wide = frame.with_columns(pl.col(name).cast(pl.String)).pivot(
                on=name, index=rest, values=values[0]
            )
            return table.but(frame=wide)
    return table


# C and O are Citigroup and Realty Income if H and L are missing.
def _are_letters_of_symbols(names: list[str], roles: Roles) -> bool:
    close = roles.fields.get("close", "")
    capitals = [name for name in names if len(name) == 1 and name.isupper()]
    return close in capitals and not {"O", "H", "L", "C"} <= set(capitals)


# A frame with "close" beside "volume" is long, one with "Close|AAPL" is not.
def _of_many(names: list[str], roles: Roles) -> bool:
    return any("|" in name for name in names) and "|" in roles.fields.get("close", "|")


def _taken_apart(
    table: Table, parts: tuple[str, dict[str, dict[str, str]]]
) -> list[tuple[Table, Roles]]:
    time, by_symbol = parts
    done = []
    for symbol, fields in by_symbol.items():
        kept = {time: "time"} | {column: field for field, column in fields.items()}
        frame = table.frame.select(list(kept)).rename(kept)
        adjusted = "adjusted" in frame.columns
        if "close" not in frame.columns and adjusted:
            frame = frame.rename({"adjusted": "close"})
        roles = Roles(time=("time",), fields={name: name for name in OHLCV if name in frame})
        if adjusted and "adjusted" in frame.columns:
            roles.adjusted = ("adjusted",)
        done.append((table.but(frame=frame, symbol=symbol or table.symbol), roles))
    return done


# Columns whose names are a field and a symbol, in either order.
def _by_symbol(frame: pl.DataFrame, roles: Roles) -> tuple[str, dict[str, dict[str, str]]] | None:
    times = [name for name in frame.columns if role_of(name.strip("|")) == "time"]
    times = times or list(roles.time)
    if not times:
        return None
    rest = [name for name in frame.columns if name not in times and plain(name) not in BESIDE]
    for pattern in _SPLITS:
        found = _split_names(rest, pattern)
        if found is not None and (roles.symbol is None or len(found) > 1):
            return times[0], found  # one word before all fields is none beside a symbol
    return None


def _split_names(names: list[str], pattern: str) -> dict[str, dict[str, str]] | None:
    pieces = {}
    for name in names:
        parts = [part for part in re.split(pattern, name.strip("()'\" ")) if part]
        if len(parts) < 2:
            if role_of(name) is None or field_of(name):
                return None  # the fields of one symbol, some of them under several names
            continue
        pieces[name] = parts
    if not pieces:
        return None
    ways: list[dict[str, dict[str, str]]] = []
    for front in (True, False):
        by_symbol: dict[str, dict[str, str]] = {}
        known = 0
        for name, parts in pieces.items():
            cut = _cut(parts, front=front)
            if cut is None:
                continue
            field, symbol = cut
            known += field in OHLCV or field == "adjusted"
            by_symbol.setdefault(symbol, {})[field] = name
        known += _take_further(by_symbol, pieces, front=front)
        closes = all({"close", "adjusted"} & set(fields) for fields in by_symbol.values())
        sides = {symbol.lower() for symbol in by_symbol} <= {"bid", "ask", "mid"}
        if by_symbol and closes and not sides and known * 2 >= len(pieces):
            ways.append(by_symbol)
    return min(ways, key=_words_among, default=None)


# For C above "open", "high" and "low", the first is the symbol.
def _words_among(symbols: Iterable[str]) -> float:
    words = [len(name) > 1 and field_of(name) is not None for name in symbols]
    return sum(words) / len(words)


# Columns of known symbols under unknown fields: further columns.
def _take_further(
    by_symbol: dict[str, dict[str, str]], pieces: Mapping[str, list[str]], *, front: bool
) -> int:
    taken = {column for fields in by_symbol.values() for column in fields.values()}
    found = 0
    for name, parts in pieces.items():
        for cut in range(1, len(parts)):
            words = (parts[:cut], parts[cut:]) if front else (parts[cut:], parts[:cut])
            field, symbol = map(" ".join, words)
            if name not in taken and symbol in by_symbol and field_of(field) is None:
                by_symbol[symbol].setdefault(field, name)
                found += 1
                break
    return found


def _cut(parts: list[str], *, front: bool) -> tuple[str, str] | None:
    parts = parts if front else parts[::-1]
    for length in (1, 2):  # for example "Adj Close AAPL"
        words = parts[:length] if front else parts[:length][::-1]
        rest = parts[length:] if front else parts[length:][::-1]
        longer = " ".join(words)
        more = parts[: length + 1] if front else parts[: length + 1][::-1]
        if len(parts) > length + 1 and plain(" ".join(more)) in ADJUSTED:
            continue
        if (field := field_of(longer)) and rest:
            return field, " ".join(rest) if len(rest) > 1 else rest[0]
    other = plain(parts[0])
    if other in BESIDE:
        return other, parts[-1]
    return None


# A time and otherwise numbers without field names: closes by symbol.
def _symbols_as_columns(frame: pl.DataFrame, roles: Roles) -> tuple[str, list[str]] | None:
    time: Any = roles.time[0] if roles.time else None
    if time is None or roles.symbol is not None:
        return None
    names = [name for name in frame.columns if name != time]
    names = [name for name in names if plain(name) not in ("index", *BESIDE)]
    words = [name for name in names if len(plain(name)) > 1 and field_of(name)]
    shares = 4 * len(words) <= len(names) and all(map(str.isupper, names))  # LOW is Lowe's
    if not names or (words and not shares):
        return None
    if any(SEPARATOR in name or re.fullmatch(r"column_\d+", name) for name in names):
        return None
    if {plain(name) for name in names} >= {"bid", "ask"}:
        return None  # quotes of one symbol
    numbers = [name for name in names if looks_numeric(frame[name])]
    return (time, numbers) if len(numbers) == len(names) else None
