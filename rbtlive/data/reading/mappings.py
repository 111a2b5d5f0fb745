"""Turn dicts into tables: vendors' JSON, pandas' output, and any other dicts.

The rule: a form is recognized by its structure, not by its sender; data around the bars
(counts, status, cursors) is skipped, and a message instead of bars is shown.

Sources of the forms: alpaca.markets /v2/stocks/bars, polygon.io /v2/aggs,
alphavantage.co TIME_SERIES, query1.finance.yahoo.com /v8/finance/chart, Nasdaq Data
Link's datasets and datatables, Kraken, Bybit, OKX, Bitstamp, Oanda, Twelve Data;
pandas.DataFrame.to_dict and to_json.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.data.checking.pandas_columns import is_pandas
from rbtlive.data.reading.column_roles import field_of, plain, role_of
from rbtlive.data.reading.file_names import length_named
from rbtlive.data.reading.sequences import of_rows, of_sequences, refuse_mixed
from rbtlive.data.reading.tables import SEPARATOR, Table
from rbtlive.errors import EmptyData, NotAFrame
from rbtlive.model.arrays import np
from rbtlive.model.bar import OHLCV, PRICES

TablesOf = Callable[..., list[Table]]

_AROUND: Final = frozenset(
    (
        "error", "errors", "meta", "metadata", "pagination", "links", "warnings", "messages",
        "status", "request", "params", "info", "events", "last", "paging", "debug", "schema",
        "query", "retextinfo", "security", "statistics", "total", "shards", "cursor",
        "historycursor", "pageinfo", "timing",
    )
)  # fmt: skip
"""Keys next to the bars that do not contain bars, in the form of `plain`."""

_ENVELOPES: Final = frozenset(
    (
        "bars", "results", "result", "data", "candles", "prices", "values", "quotes", "ohlc",
        "list", "historical", "historicalstocklist", "history", "day", "series", "datasetdata",
        "dataset", "datatable", "response", "payload", "body", "ohlcv", "candlesticks", "klines",
        "stockprices", "items", "rows", "records", "content", "chart", "historicals", "hits",
        "documents", "docs",
    )
)  # fmt: skip
"""Keys that contain bars and are not symbols."""

_SYMBOL_KEYS: Final = ("ticker", "symbol", "s", "pair", "instrument", "instId", "instrument_name")
_MESSAGES: Final = (
    "description", "message", "error message", "error", "retmsg", "msg", "note", "information",
    "detail", "errmsg", "s", "status",
)  # fmt: skip
_TIME_TEXT: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}.*|\d{8}|\d{9,19}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}.*"
)
_JSON_SCALARS: Final = (str, int, float, bool, type(None))


def of_mapping(source: Mapping[Any, Any], where: str, tables_of: TablesOf) -> list[Table]:
    """Return the tables of a dict.

    Args:
        source: Any mapping.
        where: Its name in messages.
        tables_of: Reads the values.

    Raises:
        EmptyData: it is empty.
        NotAFrame: it contains no bars; shows the message that it contains instead.
    """
    if not source:
        raise EmptyData(f"{where} must have at least one bar: was an empty dict; pass bars")
    known = _known_form(source, where)
    if known is not None:
        return known
    if all(_is_dated_series(value) for value in source.values()):
        import pandas as pd

        return tables_of(pd.DataFrame(dict(source)), where=where)
    fields = not _scalars(source) and _are_fields(source)
    if fields and not any(map(_has_all_prices, source.values())):
        return [_fields_as_columns(source, where, tables_of)]
    return _of_children(source, where, tables_of)


def of_json(value: object, where: str) -> list[Table]:
    """Return the tables in a JSON value.

    Raises:
        EmptyData: it is empty.
        NotAFrame: it contains no bars.
    """
    if isinstance(value, Mapping):
        return of_mapping(value, where, of_json)
    if not isinstance(value, list):
        raise NotAFrame(f"{where} must hold bars: was {value!r}; write rows of them")
    if not value:
        raise EmptyData(f"{where} must have at least one bar: was empty; pass bars")
    if are_envelopes(value):
        return [table for one in value for table in of_mapping(one, where, of_json)]
    if isinstance(value[0], Mapping):
        return [of_rows(value, where)]
    if isinstance(value[0], list):
        return [of_sequences(value, where)]
    raise NotAFrame(f"{where} must hold bars: was a list of {value[0]!r}; write rows of them")


def are_envelopes(rows: Sequence[Any]) -> bool:
    """Say whether each of a list's dicts holds its own rows: [{"symbol": "AAPL",
    "bars": [...]}, ...].
    """
    return all(isinstance(row, Mapping) and any(map(_are_rows, row.values())) for row in rows)


def _are_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _known_form(source: Mapping[Any, Any], where: str) -> list[Table] | None:
    if any(_is_dated_series(value) for value in source.values()):
        return None
    for form in (_chart, _time_series, _market_chart, _named_rows, _columns, _cells, _letters):
        try:
            tables = form(source, where)
        except (AttributeError, LookupError) as error:
            raise NotAFrame(
                f"{where} must hold bars: it begins like a vendor's answer, but lacks {error}; "
                "ask again"
            ) from error
        if tables is not None:
            return tables
    return None


# Values that contain bars, by key: a symbol, or a word such as "results".
def _of_children(source: Mapping[Any, Any], where: str, tables_of: TablesOf) -> list[Table]:
    json_like = all(isinstance(value, (*_JSON_SCALARS, list, Mapping)) for value in source.values())
    symbol = _symbol_beside(source)
    named = json_like and any(isinstance(source.get(key), str) for key in _SYMBOL_KEYS)
    tables: list[Table] = []
    for key, value in source.items():
        is_symbol = _is_symbol(key, value, source)
        if json_like and not is_symbol and _is_around(key, value, source):
            continue
        place = f"{where}[{key!r}]"
        own = str(getattr(key, "symbol", key[0] if _is_single(key) else key))
        if value is None:
            raise NotAFrame(
                f"{place} must hold bars: was None, as after a failed download; ask again, or "
                "leave it out: rbt.read({k: f for k, f in source.items() if f is not None})"
            )
        children = tables_of(value, where=place)
        group = isinstance(value, Mapping) and _are_named_by_symbols(own, children)
        for table in children:
            if group:
                tables.append(table)
            elif not is_symbol and (plain(own) in _ENVELOPES or (named and symbol)):
                tables.append(table.but(symbol=table.symbol or symbol))
            elif _is_of_several(table.frame):
                tables.append(table)
            else:
                frame = table.frame.drop("symbol", strict=False)
                tables.append(table.but(frame=frame, symbol=own))
    if not tables:
        raise NotAFrame(f"{where} must hold bars: {_message(source) or 'it holds none'}; ask again")
    return tables


# {"stocks": {"AAPL": frame, "MSFT": frame}}: the inner keys are the symbols, unless
# they are lengths of bars, as in {"EURUSD": {"M5": frame, "H1": frame}}.
def _are_named_by_symbols(own: str, tables: Sequence[Table]) -> bool:
    inner = {table.symbol or "" for table in tables}
    if "" in inner or any(length_named(name) for name in inner):
        return False
    return len(inner) > 1 or (not own.isupper() and all(name.isupper() for name in inner))


# META and DAY are shares if the word's value contains bars.
def _is_symbol(key: object, value: object, source: Mapping[object, object]) -> bool:
    text = str(key)
    if not text.isupper() or not _holds_bars(value):
        return False
    if plain(text) in _AROUND:
        return True
    others = (other for other in source if other is not key and plain(str(other)) not in _ENVELOPES)
    return any(_holds_bars(source[other]) for other in others)


def _holds_bars(value: object) -> bool:
    if isinstance(value, Mapping):
        roles = {role_of(str(name)) for name in value}
        return {"time", "close"} <= roles or (all(map(_is_time, value)) and bool(value))
    if not isinstance(value, list):
        return hasattr(value, "columns")
    first = value[0] if value else None
    if isinstance(first, Mapping):
        return {"time", "close"} <= {role_of(str(name)) for name in first}
    return isinstance(first, (list, tuple)) and len(first) >= 5


# The values of C, O and LOW are bars if they are shares; a field's values are numbers
# by symbol.
def _has_all_prices(value: object) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    names = first if isinstance(first, Mapping) else getattr(value, "columns", ())
    return set(PRICES) <= {field_of(str(name)) for name in names}


def _is_of_several(frame: pl.DataFrame) -> bool:
    return "symbol" in frame.columns and frame["symbol"].n_unique() > 1


# ("AAPL",), the keys of polars' group_by and partition_by
def _is_single(key: object) -> bool:
    return isinstance(key, tuple) and len(key) == 1


# For example {"meta": {"symbol": "AAPL"}, "values": [...]}.
def _symbol_beside(source: Mapping[Any, Any]) -> str | None:
    places = [source, *(value for key, value in source.items() if plain(str(key)) in _AROUND)]
    for place in places:
        if isinstance(place, Mapping):
            for key in _SYMBOL_KEYS:
                value = place.get(key)
                if isinstance(value, str) and re.search(r"[A-Z]", value):
                    return value
    return None


def _is_around(key: object, value: object, source: Mapping[Any, Any]) -> bool:
    if plain(str(key)) in _AROUND:
        return True
    if isinstance(value, str):  # {"AAPL": "aapl.csv"} names files
        others = any(isinstance(other, (list, Mapping)) for other in source.values())
        return others or not _names_a_file(value)
    if isinstance(value, (list, Mapping)):
        inner = next(iter(value), None) if isinstance(value, list) else None
        return isinstance(inner, (str, int, float)) or (
            not value and plain(str(key)) in _ENVELOPES and len(source) > 1
        )
    return True


def _names_a_file(text: str) -> bool:
    return bool(re.search(r"\.\w{2,8}$|[/\\*]", text)) or Path(text).exists()


def _message(source: object, depth: int = 0) -> str | None:
    if depth > 3 or not isinstance(source, Mapping):
        return None
    by_name = {str(key).lower(): value for key, value in source.items()}
    for name in _MESSAGES:
        if isinstance(by_name.get(name), str) and by_name[name]:
            return f"it says {by_name[name][:200]!r}"
    inner = (_message(value, depth + 1) for value in source.values())
    return next((text for text in inner if text), None)


# Yahoo's chart has the times beside the prices, both below "result".
def _chart(source: Mapping[Any, Any], where: str) -> list[Table] | None:
    chart = source.get("chart")
    results = chart.get("result") if isinstance(chart, Mapping) else None
    if not isinstance(results, list):
        return None
    tables = []
    for one in results:
        if not one.get("timestamp"):
            symbol = one.get("meta", {}).get("symbol", "this symbol")
            raise EmptyData(f"{where} must have at least one bar: Yahoo sent none of {symbol}")
        quote = one["indicators"]["quote"][0]
        columns = {"timestamp": one["timestamp"]} | {
            name: quote[name] for name in OHLCV if name in quote
        }
        frame = pl.DataFrame(columns, strict=False)
        tables.append(
            Table(frame, where, symbol=one["meta"]["symbol"], labels="start", vendor="Yahoo")
        )
    return tables


# {"Meta Data": {...}, "Time Series (Daily)": {"2024-01-02": {"1. open": "1.5", ...}}}
def _time_series(source: Mapping[Any, Any], where: str) -> list[Table] | None:
    series = [key for key in source if str(key).startswith("Time Series")]
    if not series:
        return None
    facts = {str(key).partition(". ")[2]: value for key, value in source["Meta Data"].items()}
    symbol = facts.get("Symbol") or facts.get("Digital Currency Code")
    market = facts.get("Market Code")
    if "From Symbol" in facts:
        symbol = f"{facts['From Symbol']}{facts['To Symbol']}"
    elif market is not None:
        symbol = f"{symbol}/{market}"
    rows = [{"date": when, **values} for when, values in source[series[0]].items()]
    zone = facts.get("Time Zone")
    table = of_rows(rows, where).but(symbol=symbol)
    return [table.but(zone=zone) if isinstance(zone, str) and "/" in zone else table]


# {"prices": [[ms, price], ...], "total_volumes": [[ms, amount], ...]}, as from
# CoinGecko: each list is a field, its rows are a time and a value. Source:
# docs.coingecko.com, "/coins/{id}/market_chart".
def _market_chart(source: Mapping[Any, Any], where: str) -> list[Table] | None:
    names = {"prices": "close", "total_volumes": "volume"}
    lists = {names[key]: source[key] for key in names if isinstance(source.get(key), list)}
    if "close" not in lists or not all(_is_pairs(rows) for rows in lists.values()):
        return None
    frame: pl.DataFrame | None = None
    for name, rows in lists.items():
        columns = {"timestamp": [row[0] for row in rows], name: [row[1] for row in rows]}
        one = pl.DataFrame(columns, strict=False).unique("timestamp", maintain_order=True)
        frame = one if frame is None else frame.join(one, on="timestamp", how="left")
    assert frame is not None
    return [Table(frame, where, vendor="CoinGecko")]


def _is_pairs(rows: object) -> bool:
    return isinstance(rows, list) and all(
        isinstance(row, list) and len(row) == 2 for row in rows or [None]
    )


# Rows of cells with their names beside them: pandas' "split", Nasdaq's datasets.
def _named_rows(source: Mapping[Any, Any], where: str) -> list[Table] | None:
    rows = source.get("data")
    names = source.get("columns", source.get("column_names", source.get("fields")))
    names = (
        names if names is not None else source.get("meta")
    )  # the form of ClickHouse's JSONCompact
    if not (isinstance(rows, list) and isinstance(names, list) and rows and names):
        return None
    titles = [str(one.get("name")) if isinstance(one, Mapping) else str(one) for one in names]
    if not isinstance(rows[0], (list, tuple)) or len(rows[0]) != len(titles):
        return None
    columns = {name: [row[place] for row in rows] for place, name in enumerate(titles)}
    index = source.get("index")
    if isinstance(index, list) and len(index) == len(rows) and _is_time(index[0]):
        columns = {"date": index} | columns
    return [Table(pl.DataFrame(columns, strict=False), where)]


# One column per key.
def _columns(source: Mapping[Any, Any], where: str) -> list[Table] | None:
    lists = {
        key: value
        for key, value in source.items()
        if isinstance(value, (list, tuple, pl.Series, np.ndarray)) or is_pandas(value, "Series")
    }
    roles = {role_of(str(key)) for key in lists}
    if (
        not roles & {"time", "close"}
        or len(lists) < 2
        or len({len(value) for value in lists.values()}) > 1
    ):
        return None
    if any(not isinstance(source[key], _JSON_SCALARS) for key in source.keys() - lists.keys()):
        return None
    first = next(iter(lists.values()))
    if len(first) and isinstance(first[0], (list, tuple, Mapping)):
        return None
    letters = {"t", "o", "h", "l", "c"} <= set(lists)
    symbol = source.get("symbol", source.get("ticker"))
    for key, values in lists.items():
        if field_of(str(key)) is not None and isinstance(values, (list, tuple)):
            refuse_mixed(str(key), values, where)
    frame = pl.DataFrame(lists, strict=False)
    return [
        Table(
            frame,
            where,
            symbol=symbol if isinstance(symbol, str) else None,
            labels="start" if letters else None,
        )
    ]


# A dict of dicts of cells: rows by time, or columns by time or number, as from pandas'
# to_dict and to_json.
def _cells(source: Mapping[Any, Any], where: str) -> list[Table] | None:
    inner = list(source.values())
    if not all(isinstance(value, Mapping) and value and _scalars(value) for value in inner):
        return None
    if all(map(_is_time, source)):
        rows = [{"date": key, **value} for key, value in source.items()]
        return [of_rows(rows, where)]
    if _is_numbered(source):
        return [of_rows(inner, where)]
    first: Mapping[Any, Any] = inner[0]
    if not (all(map(_is_time, first)) or all(str(key).isdigit() for key in first)):
        return None
    index = list(dict.fromkeys(key for value in inner for key in value))
    columns: dict[str, Any] = {"date": index} if _is_time(index[0]) else {}
    columns |= {str(name): [value.get(key) for key in index] for name, value in source.items()}
    return [Table(pl.DataFrame(columns, strict=False), where)]


# {"0": {"date": ..., "close": ...}, "1": ...}: rows by number, as from pandas'
# to_json(orient="index") and to_dict("index").
def _is_numbered(source: Mapping[Any, Any]) -> bool:
    numbered = all(str(key).isdigit() for key in source)
    return numbered and all(
        {"time", "close"} <= {role_of(str(name)) for name in row} for row in source.values()
    )


# A single bar: {"t": ..., "o": ..., ...}
def _letters(source: Mapping[Any, Any], where: str) -> list[Table] | None:
    if not {"time", "close"} <= {role_of(str(key)) for key in source} or not _scalars(source):
        return None
    return [of_rows([source], where)]


# A pandas Series whose index contains the times of its values.
def _is_dated_series(value: Any) -> bool:
    return is_pandas(value, "Series") and type(value.index).__name__ in (
        "DatetimeIndex",
        "PeriodIndex",
    )


def _scalars(source: Mapping[object, object]) -> bool:
    return all(
        isinstance(value, (*_JSON_SCALARS, dt.date)) or not hasattr(value, "__len__")
        for value in source.values()
    )


def _is_time(key: object) -> bool:
    if isinstance(key, (dt.date, np.datetime64)):
        return True
    if isinstance(key, int) and not isinstance(key, bool):
        return key >= 10**8
    return isinstance(key, str) and _TIME_TEXT.fullmatch(key.strip()) is not None


# Names of fields, or other names beside "close" whose frames have the same columns.
def _are_fields(source: Mapping[object, object]) -> bool:
    if all(_field_of_key(key, value) for key, value in source.items()):
        return True
    closes = [key for key in source if len(str(key)) > 1 and field_of(str(key)) == "close"]
    columns = [list(map(str, getattr(value, "columns", ()))) for value in source.values()]
    same = all(names and sorted(names) == sorted(columns[0]) for names in columns)
    return len(closes) == 1 and same and "close" not in map(field_of, columns[0])


# "prices" is around rows in vendors' answers, and closes beside "volumes".
def _field_of_key(key: object, value: object) -> str | None:
    if str(key).lower() == "prices" and hasattr(value, "columns"):
        return "close"
    return field_of(str(key))


# {"close": frame with one column per symbol, "volume": ...}: one frame, "field|symbol".
def _fields_as_columns(source: Mapping[Any, Any], where: str, tables_of: TablesOf) -> Table:
    whole: pl.DataFrame | None = None
    for key, value in source.items():
        (table,) = tables_of(value, where=f"{where}[{key!r}]")
        frame = table.frame
        times = [name for name in frame.columns if role_of(name) == "time"]
        time = times[0] if times else frame.columns[0]
        field = _field_of_key(key, value) or str(key)
        frame = frame.rename(
            {
                name: "time" if name == time else f"{field}{SEPARATOR}{name}"
                for name in frame.columns
            }
        )
        whole = frame if whole is None else whole.join(frame, on="time", how="full", coalesce=True)
    assert whole is not None
    return Table(whole.rename({"time": "timestamp"}), where)
