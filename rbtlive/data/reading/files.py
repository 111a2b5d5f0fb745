"""Paths: files, folders, patterns and archives become tables."""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import json
import lzma
import re
import zipfile
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.data.checking.frames import READ_ERRORS, unreadable
from rbtlive.data.reading.delimited import headerless, read_delimited
from rbtlive.data.reading.tables import Table
from rbtlive.errors import UnreadableFile

_TEXTS: Final = (".csv", ".txt", ".tsv", ".dat", ".prn")
_LINES: Final = (".jsonl", ".ndjson")
_ARROW: Final = (".arrow", ".feather", ".ipc", ".arrows")
_PARQUET: Final = (".parquet", ".pq", ".parq")
_PACKED: Final = (".gz", ".bz2", ".xz", ".zst")
_KNOWN: Final = (*_TEXTS, *_LINES, *_ARROW, *_PARQUET, ".json", ".zip")

_NO_SYMBOLS: Final = frozenset(
    (
        "bars", "bar", "data", "price", "prices", "ohlc", "ohlcv", "quotes", "quote", "history",
        "hist", "historical", "historicaldata", "download", "export", "table", "test", "sample",
        "daily", "day", "days", "minute", "minutes", "min", "hourly", "candles", "kline", "klines",
        "stock", "stocks", "crypto", "forex", "fx", "market", "markets", "eod", "file", "output",
        "out", "input", "dataset", "all", "allstocks", "tmp", "temp", "my", "own", "part", "0",
        "trades", "results", "book", "sheet", "chart", "wide", "long", "close", "closes", "adj",
        "df", "frame", "full", "adj", "unadj", "adjsplit", "adjsplitdiv", "split", "adjusted",
        "intraday", "eod", "ohlcvs", "yfinance", "binance", "bitstamp", "kraken", "coinbase", "dat", "ascii", "tickers", "symbols", "universe", "sp500", "german", "semicolon",
    )
)  # fmt: skip

_LENGTHS: Final = {
    "1m": "1m", "1min": "1m", "m1": "1m", "5m": "5m", "5min": "5m", "m5": "5m", "15m": "15m",
    "15min": "15m", "m15": "15m", "30m": "30m", "30min": "30m", "m30": "30m", "1h": "1h",
    "60min": "1h", "h1": "1h", "2h": "2h", "4h": "4h", "h4": "4h", "1d": "1d", "d1": "1d",
    "daily": "1d", "1w": "1w", "w1": "1w", "1mo": "1mo", "hour": "1h", "minute": "1m",
}  # fmt: skip


def tables_of_path(source: str | Path) -> list[Table]:
    """Return the tables at a path: a file, a folder and all below it, or a pattern.

    Raises:
        UnreadableFile: nothing readable is there.
    """
    path = Path(source).expanduser()
    files = _files(path)
    tables: list[Table] = []
    for file in files:
        tables += _with_folders(_tables_of_file(file), file, path)
    return tables


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [file for file in path.rglob("*") if file.is_file()]
    elif glob.has_magic(str(path)):
        found = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207
        found = [file for file in found if file.is_file()]
    else:
        raise UnreadableFile(f"bars must be a file that exists: was {str(path)!r}; check the path")
    known = [file for file in found if _kind(file.name) and not file.name.startswith((".", "_"))]
    if not known:
        raise UnreadableFile(
            f"bars must name files that can be read, such as {', '.join(_KNOWN[:3])} or .parquet: "
            f"was {str(path)!r}, where none exists; check the path"
        )
    return sorted(known)


def _kind(name: str) -> str:
    lower = name.lower()
    for ending in _PACKED:
        lower = lower.removesuffix(ending)
    return next((ending for ending in _KNOWN if lower.endswith(ending)), "")


def _tables_of_file(file: Path) -> list[Table]:
    name = file.name.lower()
    try:
        if name.endswith(".zip"):
            return _members(file)
        if name.endswith(_PACKED):
            return _of_content(_unpacked(file), file.name)
        return _of_content(file, file.name)
    except (*READ_ERRORS, EOFError, zipfile.BadZipFile, lzma.LZMAError, ValueError) as error:
        if isinstance(error, UnreadableFile):
            raise
        raise unreadable(file, error, what="bars") from error


def _unpacked(file: Path) -> bytes:
    raw, name = file.read_bytes(), file.name.lower()
    if name.endswith(".gz"):
        return gzip.decompress(raw)
    if name.endswith(".bz2"):
        return bz2.decompress(raw)
    if name.endswith(".xz"):
        return lzma.decompress(raw)
    return raw  # polars reads zstd itself


def _members(file: Path) -> list[Table]:
    tables: list[Table] = []
    with zipfile.ZipFile(file) as archive:
        for name in sorted(archive.namelist()):
            if _kind(name) and "__MACOSX" not in name:
                tables += _of_content(archive.read(name), name)
    if not tables:
        raise UnreadableFile(
            f"an archive must hold files of bars: was {str(file)!r}, where none is; unpack it and "
            "look"
        )
    return tables


def _of_content(content: Path | bytes, name: str) -> list[Table]:
    kind = _kind(name)
    source: Any = io.BytesIO(content) if isinstance(content, bytes) else content
    if kind in _PARQUET:
        frames = [Table(pl.read_parquet(source, glob=False, hive_partitioning=False), name)]
    elif kind in _ARROW:
        frames = [Table(_ipc(source), name)]
    elif kind in _LINES:
        frames = [Table(pl.read_ndjson(source), name)]
    elif kind == ".json":
        from rbtlive.data.reading.unpacking import tables_of

        raw = content if isinstance(content, bytes) else content.read_bytes()
        frames = tables_of(json.loads(raw), where=name)
    elif kind in _TEXTS:
        frames = [read_delimited(content, where=name)]
    else:
        raise UnreadableFile(
            f"bars must be CSV, text, JSON, Parquet or Arrow, also packed: was {name!r}; "
            "convert it, or pass a frame"
        )
    return [_named(table, name) for table in frames]


def _ipc(source: Any) -> pl.DataFrame:
    try:
        return pl.read_ipc(source)
    except pl.exceptions.PolarsError:  # the form of a stream
        return pl.read_ipc_stream(source)


# What the file's own name says: AAPL.csv, aapl.us.txt, BTCUSDT-1m-2024-01.csv.
def _named(table: Table, name: str) -> Table:
    if all(column.startswith("column_") for column in table.frame.columns):
        frame, vendor, starts = headerless(table.frame)
        table = table.but(frame=frame, vendor=vendor, labels="start" if starts else None)
    stem = Path(name).name
    while _kind(stem) or stem.lower().endswith(_PACKED):
        shorter = Path(stem).stem
        if shorter == stem:
            break
        stem = shorter
    words = [word for word in re.split(r"[-_ ]+", stem) if word]
    length = next((_LENGTHS[word.lower()] for word in words if word.lower() in _LENGTHS), None)
    symbol = table.symbol or symbol_of_stem(stem)
    return table.but(symbol=symbol, interval=table.interval or length)


def symbol_of_stem(stem: str) -> str | None:
    """Return the symbol that a file's name is made of; None if it may be a word."""
    words = [word for word in re.split(r"[_ ]+|-(?=\d)", stem) if word]
    words = [word for word in words if word.lower() not in _LENGTHS]
    words = [word for word in words if not re.fullmatch(r"[\d.-]+", word) or len(words) == 1]
    words = [word for word in words if word.lower() not in _NO_SYMBOLS]
    if len(words) > 1:  # aapl_us_d
        words = [words[0], *(w for w in words[1:] if w.lower() not in ("us", "d", "w", "m"))]
    if len(words) != 1:
        return None
    word = re.sub(r"(?i)\.us$", "", words[0])
    if not re.fullmatch(r"[A-Za-z0-9^][A-Za-z0-9.^=/-]{0,14}", word) or not re.search(
        r"[A-Za-z]", word
    ):
        return None
    return word.upper()


# Folders such as symbol=AAPL are columns.
def _with_folders(tables: list[Table], file: Path, root: Path) -> list[Table]:
    if not root.is_dir() and not glob.has_magic(str(root)):
        return tables
    pairs = [part.split("=", 1) for part in file.parts[:-1] if "=" in part]
    done = []
    for table in tables:
        fresh = {key: value for key, value in pairs if key not in table.frame.columns}
        frame = table.frame.with_columns(
            pl.lit(value).alias(key)
            for key, value in fresh.items()
            if key.lower() not in ("year", "month", "day", "hour")
        )
        done.append(table.but(frame=frame, symbol=None if fresh else table.symbol))
    return done
