"""Facts in a file's name: the symbol, the interval, and some vendors' habits.

The rule: a word with another possible meaning is not a symbol.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import polars as pl

from rbtlive.data.reading.nameless import headerless
from rbtlive.data.reading.tables import Table
from rbtlive.errors import BadFrequency, UnreadableFile
from rbtlive.model.asset_class import class_of
from rbtlive.model.interval import Interval

_NO_SYMBOLS: Final = frozenset(
    (
        "bars", "bar", "data", "price", "prices", "ohlc", "ohlcv", "quotes", "quote", "history",
        "hist", "historical", "historicaldata", "historicalprices", "download", "export", "table",
        "test", "sample", "daily", "day", "days", "minute", "minutes", "min", "hourly", "candles",
        "candlestick", "kline", "klines", "stock", "stocks", "crypto", "forex", "fx", "market",
        "markets", "eod", "file", "output", "out", "input", "dataset", "all", "allstocks", "tmp",
        "temp", "my", "own", "part", "0", "trades", "results", "book", "sheet", "chart", "wide",
        "long", "close", "closes", "adj", "df", "frame", "full", "unadj", "adjsplit",
        "adjsplitdiv", "split", "adjusted", "intraday", "ohlcvs", "yfinance", "binance",
        "bitstamp", "kraken", "coinbase", "gemini", "bitfinex", "okx", "bybit", "kucoin",
        "poloniex", "firstrate", "firstratedata",
        "dat", "ascii", "mt", "nt", "ms", "tickers", "symbols", "universe",
        "sp500", "german",
        "semicolon", "bid", "ask", "m", "trade", "records", "us", "d", "barchart", "bardata",
        "stooq", "polygon", "tiingo", "alpaca", "databento", "nasdaq", "nyse", "amex", "arca",
        "bats", "cboe", "oanda", "fxcm", "tvc", "index", "cme", "nymex", "comex", "otc", "header",
        "empty", "json", "new", "old", "final", "raw", "clean", "merged", "combined", "backup",
        "historische", "kurse", "daten", "historiques", "donnees", "historicos", "datos", "dati",
        "storici", "macrotrends", "historical-data",
    )
)  # fmt: skip

_LENGTH: Final = re.compile(r"\d{1,4}(m|mins?|minutes?|h|hr|hours?|d|days?|w|wk|weeks?|mo|months?)")
"""A bar's length in a file's name: "2h", "15min"."""
_LENGTH_WORDS: Final = {
    "daily": "1d", "hour": "1h", "minute": "1m", "d1": "1d", "w1": "1w", "mn1": "1mo",
    **{f"m{count}": f"{count}m" for count in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)},
    **{f"h{count}": f"{count}h" for count in (1, 2, 3, 4, 6, 8, 12)},
}  # fmt: skip
"""Words for it, and MetaTrader's periods."""

_METATRADER: Final = {
    "1": "1m",
    "5": "5m",
    "15": "15m",
    "30": "30m",
    "60": "1h",
    "240": "4h",
    "1440": "1d",
    "10080": "1w",
    "43200": "1mo",
}
"""MetaTrader 4's suffixes of a symbol: minutes of a bar."""

_COPY: Final = re.compile(
    r"(?<=, \w)_[0-9a-f]{5}$|(?<=, \w{2})_[0-9a-f]{5}$|(?<=, \w{3})_[0-9a-f]{5}$|\s*\(\d+\)$"
)
"""Suffixes that TradingView and browsers append to an existing name."""

WORKBOOKS: Final = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")

_MONTHS: Final = frozenset(
    name[:length]
    for name in (
        "JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST", "SEPTEMBER",
        "OCTOBER", "NOVEMBER", "DECEMBER",
    )
    for length in (3, None)
)  # fmt: skip

_LEAN: Final = re.compile(r"(\d{8})_([a-z0-9.]+)_(minute|second|hour|daily)_(trade|quote)")
_LEAN_PRICES: Final = 10_000.0


def named(table: Table, name: str, *, outside: str = "") -> Table:
    """Return a file's table with the facts from its name.

    Args:
        table: The table as read.
        name: The file's name, or a member's.
        outside: Name of the archive around it.

    Raises:
        UnreadableFile: the file contains quotes instead of bars.

    Sources: binance-public-data, QuantConnect LEAN's Data folder ("prices are
    multiplied by 10,000"), histdata.com ("Eastern Standard Time without daylight
    savings"), MetaTrader 4's export.
    """
    stem = Path(name).name
    while "." in stem and re.fullmatch(r"\.[A-Za-z]\w{1,7}", Path(stem).suffix):
        if not _is_ending(Path(stem).suffix):
            break
        stem = Path(stem).stem
    stem = _COPY.sub("", stem)
    lean = _LEAN.fullmatch(stem.lower())
    if lean is not None:
        return _lean_intraday(table, lean, name)
    bare = all(column.startswith("column_") for column in table.frame.columns)
    if bare:
        if outside.lower().endswith(".zip") and _is_lean_daily(table.frame):
            return _lean(table).but(symbol=stem.upper())
        frame, vendor, starts = headerless(table.frame)
        table = table.but(frame=frame, vendor=vendor, labels="start" if starts else None)
        if digits := _metatrader(frame, stem):
            stem = stem.removesuffix(digits)
            table = table.but(vendor="MetaTrader", labels="start", interval=_METATRADER[digits])
    words = [word for word in re.split(r"[-_ ,]+", stem) if word]
    length = next(filter(None, map(length_named, words)), None)
    if words[:1] == ["DAT"] and len(words) > 2:
        table = table.but(vendor="HistData", labels="start", zone="Etc/GMT+5")
    symbol = table.symbol or symbol_of_stem(stem)
    return table.but(symbol=symbol, interval=table.interval or length)


# The interval that a word of a name says; None if it says none.
def length_named(word: str) -> str | None:
    """Return the length of a bar that a word means, e.g. "1h" for "H1"; None if it
    means none.
    """
    lower = word.lower()
    if _LENGTH.fullmatch(lower) is None:
        return _LENGTH_WORDS.get(lower)
    try:
        return Interval.parse(lower).text
    except BadFrequency:
        return None


def _is_ending(suffix: str) -> bool:
    return suffix.lower() in (
        ".csv", ".txt", ".tsv", ".dat", ".prn", ".jsonl", ".ndjson", ".json", ".arrow", ".feather",
        ".ipc", ".arrows", ".parquet", ".pq", ".parq", ".gz", ".bz2", ".xz", ".zst", ".zip",
        ".last", ".bid", ".ask", ".scid", *WORKBOOKS,
    )  # fmt: skip


def symbol_of_stem(stem: str) -> str | None:
    """Return the symbol in a file's name; None if it may be an ordinary word."""
    words = [word for word in re.split(r"[_ ,]+|-(?=\d)", stem) if word]
    words = [word for word in words if length_named(word) is None]
    words = [word for word in words if not re.fullmatch(r"[\d.-]+", word) or len(words) == 1]
    pair = len(words) > 1 and words[0].lower() not in _NO_SYMBOLS
    if pair and class_of(f"{words[0]}/{words[1]}") is not None:
        words[:2] = [f"{words[0]}/{words[1]}"]
    words = [word for word in words if word.lower() not in _NO_SYMBOLS]
    if len(words) > 1:  # for example aapl_us_d
        words = [words[0], *(w for w in words[1:] if w.lower() not in ("us", "d", "w", "m"))]
    if len(words) != 1:
        return None
    word = re.sub(r"(?i)\.(us|scid)$", "", words[0])
    if not re.fullmatch(r"[A-Za-z0-9^][A-Za-z0-9.^=/-]{0,14}", word) or not re.search(
        r"[A-Za-z]", word
    ):
        return None
    return word.upper()


def symbol_of_folders(folders: Iterable[str]) -> str | None:
    """Return a file's symbol: its only folder in capitals; None for none or several.

    Args:
        folders: The folders between the one that is read and a file.
    """
    found = [name for name in folders if symbol_of_stem(name) == name and name not in _MONTHS]
    return found[0] if len(found) == 1 else None


# "EURUSD1440.csv" with rows of "2024.01.02,00:00,...".
def _metatrader(frame: pl.DataFrame, stem: str) -> str | None:
    if frame.columns[:2] != ["date", "time"]:
        return None
    first = str(frame["date"][0])
    digits = re.search(r"(?<=[A-Za-z])(\d+)$", stem)
    dotted = re.fullmatch(r"\d{4}[.-]\d{2}[.-]\d{2}", first)
    return digits[1] if dotted and digits and digits[1] in _METATRADER else None


def _is_lean_daily(frame: pl.DataFrame) -> bool:
    if frame.width != 6 or not all(dtype.is_integer() for dtype in frame.dtypes[1:5]):
        return False
    first = str(frame.to_series(0)[0])
    return re.fullmatch(r"\d{8} \d{2}:\d{2}", first) is not None


def _lean(table: Table) -> Table:
    names = ("timestamp", "open", "high", "low", "close", "volume")
    frame = table.frame.rename(dict(zip(table.frame.columns, names, strict=True)))
    prices = [(pl.col(name) / _LEAN_PRICES).round(4) for name in names[1:5]]
    whole = all(frame[name].dtype.is_integer() for name in names[1:5])
    return table.but(
        frame=frame.with_columns(prices) if whole else frame,
        vendor="QuantConnect LEAN",
        labels="start",
    )


# Rows with milliseconds since midnight of the day in the name.
def _lean_intraday(table: Table, name: re.Match[str], where: str) -> Table:
    if name[4] == "quote" or table.frame.width != 6:
        raise UnreadableFile(
            f"bars must be LEAN's trade bars: was {where!r} with {table.frame.width} "
            "columns, which "
            "has bids and asks; pass a frame of the prices you want"
        )
    made = _lean(table).but(symbol=name[2].upper())
    day = pl.lit(name[1]).str.to_datetime("%Y%m%d", time_unit="us")
    times = day + pl.duration(milliseconds=pl.col("timestamp").cast(pl.Int64))
    return made.but(frame=made.frame.with_columns(times.alias("timestamp")))
