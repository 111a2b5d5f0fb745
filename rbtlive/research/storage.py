"""Results on disk: one zip file of Parquet tables and one JSON document.

The rule: a loaded result equals the saved one to the last digit, and loading runs no
code: the file contains only numbers and text. Money is stored as exact decimal text;
values without a plain form (a model, a recorded object) as their text.
"""

from __future__ import annotations

import contextlib
import io
import json
import types
import typing
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.core.state.book_adjustments import Adjustment
from rbtlive.core.state.order import Order
from rbtlive.core.state.record import PositionRow, RunRecord, SessionRow
from rbtlive.core.state.run_notes import RunNotes
from rbtlive.core.state.settings import RunSettings
from rbtlive.data.checking.bounds import member as bounded_member
from rbtlive.data.checking.bounds import refuse_many_rows
from rbtlive.data.private_files import write_private
from rbtlive.errors import ResultCorrupt, ResultError, ResultVersion, UnreadableFile
from rbtlive.model.asset import Asset, Equity
from rbtlive.model.bar import OHLCV
from rbtlive.model.given import as_path
from rbtlive.model.number import plain_text
from rbtlive.model.order_facts import OrderState, Transaction
from rbtlive.research.run_bars import KeptBars, bars_of_columns
from rbtlive.research.stored_values import decode, encode

FORMAT = "rbtlive-result"
VERSION = 2
READABLE = (1, VERSION)
"""Version 1 has no adjustments, no bars and no tags."""

_DOCUMENT = "result.json"
_NESTED = {
    "recorded",
    "positions",
    "orders",
    "transactions",
    "adjustments",
}  # for a session: in separate tables, or in the document
_TABLES = ("sessions", "positions", "orders", "denied", "session_orders", "transactions")
_NEWER_TABLES = ("adjustments", "bars")
_DAMAGE = (
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    RecursionError,
    pl.exceptions.PolarsError,
)
_STAMP = (1980, 1, 1, 0, 0, 0)  # a fixed time: equal results give equal files


def save_record(
    record: RunRecord,
    path: str | Path,
    bars: KeptBars | None = None,
    provenance: Mapping[str, str] | None = None,
) -> Path:
    """Write `record` to `path` in one step, replacing an existing file; return the
    path.

    Args:
        record: The run's record.
        path: The file.
        bars: Bars of its traded assets, stored with it.
        provenance: The origin of its parts.

    Raises:
        ResultError: the path is a folder, or cannot be written.
    """
    target = as_path(path, "path of save()")
    if target.is_dir():
        raise ResultError(f"a result is saved to one file: {target} is a folder; name a file in it")
    half = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_private(half, pack(record, bars or KeptBars(), provenance or {}))
        half.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        raise ResultError(
            f"the result could not be saved to {target}: {error.strerror or error}"
        ) from error
    return target


_NO_PAGES: Final = frozenset({".pdf", ".png", ".jpg", ".jpeg", ".svg", ".xlsx", ".csv", ".docx"})


def write_page(target: Path, page: str) -> Path:
    """Write an HTML page, and create its folders; return the path.

    Raises:
        ResultError: it cannot be written, or the path has the suffix of another kind of
            file.
    """
    if target.suffix.lower() in _NO_PAGES:
        raise ResultError(
            f"a page is HTML: was {target.name}; write {target.stem}.html, and print that to PDF "
            "in a browser"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ResultError(
            f"the page could not be written to {target}: {error.strerror or error}; name a file"
        ) from error
    return target


def load_record(path: str | Path) -> tuple[RunRecord, KeptBars, dict[str, str]]:
    """Read a record that `save_record` wrote, and its bars.

    Raises:
        ResultError: the file does not exist, or is not a saved result.
        ResultVersion: the file has another format version.
        ResultCorrupt: parts of the file are missing or damaged.
    """
    source = as_path(path, "path of load()")
    try:
        return unpack(source.read_bytes(), source)
    except FileNotFoundError as error:
        raise ResultError(
            f"there is no saved result at {source}; check the path given to load()"
        ) from error
    except OSError as error:
        raise ResultError(f"{source} could not be read: {error.strerror or error}") from error


def unpack(content: bytes, source: Path) -> tuple[RunRecord, KeptBars, dict[str, str]]:
    """Return the content of the result of `pack`.

    Args:
        content: The file's bytes.
        source: Their origin, for messages.

    Raises:
        ResultError: it is not a saved result.
        ResultVersion: it has another format version.
        ResultCorrupt: parts are missing or damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            document = _document(archive, source)
            names = _TABLES if document["version"] == 1 else _TABLES + _NEWER_TABLES
            tables = {name: _read_table(archive, name, source) for name in names}
    except zipfile.BadZipFile as error:
        raise ResultError(
            f"{source} is not a saved result: {error}; load() reads what save() wrote"
        ) from error
    try:
        return _unpack(document, tables)
    except _DAMAGE as error:
        raise ResultCorrupt(
            f"{source} is damaged: its tables do not fit together ({error!r}); save it again"
        ) from error


# -- rows as tables: the columns follow from the dataclass, so a field cannot be forgo

_Read = Callable[[Any], Any]
_NEWER = {"tag"}
_COLUMN_TYPES: dict[Any, pl.DataType] = {
    str: pl.String(),
    bool: pl.Boolean(),
    int: pl.Int64(),
    float: pl.Float64(),
    date: pl.Date(),
    datetime: pl.Datetime("us", "UTC"),
    Decimal: pl.String(),
    OrderState: pl.String(),
    Asset: pl.Int64(),
}
_WRITE: dict[Any, _Read] = {Decimal: plain_text, OrderState: str, Asset: int}


# Fields of a row class that become columns, each with its type; tuples and mappings are
# stored elsewhere.
@cache
def _columns(row_type: type) -> dict[str, Any]:
    hints = typing.get_type_hints(row_type, localns={"Asset": Asset})
    columns: dict[str, Any] = {}
    for name, hint in hints.items():
        if name in _NESTED:
            continue
        kinds = [part for part in typing.get_args(hint) or (hint,) if part is not types.NoneType]
        if kinds[0] not in _COLUMN_TYPES:
            raise TypeError(
                f"no column is known for {row_type.__name__}.{name}: {hint}; add its type"
            )
        columns[name] = kinds[0]
    return columns


def _table(row_type: type, rows: Iterable[Any], sessions: Iterable[int] | None = None) -> bytes:
    rows = list(rows)
    series = [] if sessions is None else [pl.Series("session", list(sessions), dtype=pl.Int64)]
    for name, kind in _columns(row_type).items():
        write = _WRITE.get(kind)
        values = [getattr(row, name) for row in rows]
        if write is not None:
            values = [None if value is None else write(value) for value in values]
        series.append(pl.Series(name, values, dtype=_COLUMN_TYPES[kind]))
    buffer = io.BytesIO()
    pl.DataFrame(series).write_parquet(buffer)
    return buffer.getvalue()


def _rows(row_type: type, table: pl.DataFrame, assets: Mapping[int, Asset]) -> list[dict[str, Any]]:
    read: dict[Any, _Read] = {Decimal: Decimal, OrderState: OrderState, Asset: assets.__getitem__}
    columns = []
    names = {n: k for n, k in _columns(row_type).items() if n in table.columns or n not in _NEWER}
    for name, kind in names.items():
        values = table[name].cast(_COLUMN_TYPES[kind]).to_list()
        if kind in read:
            values = [None if value is None else read[kind](value) for value in values]
        columns.append(values)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


# -- writing -------------------------------------------------------------------------


def pack(record: RunRecord, bars: KeptBars, provenance: Mapping[str, str]) -> bytes:
    """Return a record and bars as the bytes of a zip file."""
    sessions = record.sessions
    document = {
        "format": FORMAT,
        "version": VERSION,
        "strategy_name": record.strategy_name,
        "settings": {f.name: encode(getattr(record.settings, f.name)) for f in fields(RunSettings)},
        "assets": [
            {f.name: encode(getattr(asset, f.name)) for f in fields(Asset)}
            for asset in record.assets
        ],
        "recorded": [
            [[encode(name), encode(value)] for name, value in row.recorded.items()]
            for row in sessions
        ],
        "transactions": [list(row.transactions) for row in sessions],
        "adjustments": [len(row.adjustments) for row in sessions],
        "marks": encode(record.marks),
        "pnl": encode(record.pnl),
        "splits": encode(bars.all_splits),
        "notes": encode(asdict(record.notes)),
        "provenance": dict(provenance),
    }
    held = [(number, row) for number, session in enumerate(sessions) for row in session.positions]
    changed = [(number, row) for number, session in enumerate(sessions) for row in session.orders]
    tables = {
        "sessions": _table(SessionRow, sessions),
        "positions": _table(PositionRow, (row for _, row in held), (number for number, _ in held)),
        "orders": _table(Order, record.orders),
        "denied": _table(Order, record.denied),
        "session_orders": _table(
            Order, (row for _, row in changed), (number for number, _ in changed)
        ),
        "transactions": _table(Transaction, record.transactions),
        "adjustments": _table(Adjustment, record.adjustments),
        "bars": _bars_table(bars),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        text = json.dumps(document, allow_nan=False)
        archive.writestr(zipfile.ZipInfo(_DOCUMENT, _STAMP), text, zipfile.ZIP_DEFLATED)
        for name, table in tables.items():
            archive.writestr(
                zipfile.ZipInfo(f"{name}.parquet", _STAMP), table
            )  # Parquet is already compressed
    return buffer.getvalue()


def _bars_table(bars: KeptBars) -> bytes:
    parts = [
        pl.DataFrame({"symbol": [symbol] * len(kept.us), **kept._asdict()})
        for symbol, kept in bars.by_symbol.items()
    ]
    empty = pl.DataFrame(schema=_BARS_SCHEMA)
    buffer = io.BytesIO()
    pl.concat([empty, *parts]).write_parquet(buffer)
    return buffer.getvalue()


_BARS_SCHEMA = {"symbol": pl.String(), "us": pl.Int64(), **dict.fromkeys(OHLCV, pl.Float64())}


# -- reading -------------------------------------------------------------------------


def _document(archive: zipfile.ZipFile, source: Path) -> dict[str, Any]:
    try:
        document = json.loads(_member(archive, _DOCUMENT, source))
    except (ValueError, RecursionError) as error:
        raise ResultCorrupt(
            f"{source} is damaged: {_DOCUMENT} cannot be read ({error}); save the result again"
        ) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ResultError(
            f"{source} is not a saved result: its format is not {FORMAT!r}; load() reads what "
            "save() wrote"
        )
    if document.get("version") not in READABLE:
        raise ResultVersion(
            f"{source} has format version {document.get('version')!r}: this rbtlive reads versions "
            f"1 to {VERSION}; "
            "load it with the release that saved it"
        )
    return document


def _member(archive: zipfile.ZipFile, name: str, source: Path) -> bytes:
    try:
        return bounded_member(archive, name)
    except UnreadableFile as error:
        raise ResultError(f"{source} cannot be read: {error}") from error
    except KeyError as error:
        raise ResultError(
            f"{source} is not a saved result: it holds no {name}; load() reads what save() wrote"
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ResultCorrupt(
            f"{source} is damaged: {name} cannot be read ({error}); save the result again"
        ) from error


def _read_table(archive: zipfile.ZipFile, name: str, source: Path) -> pl.DataFrame:
    member = f"{name}.parquet"
    content = _member(archive, member, source)
    try:
        refuse_many_rows(content, member, own=True)
        return pl.read_parquet(io.BytesIO(content))
    except UnreadableFile as error:
        raise ResultError(f"{source} cannot be read: {error}") from error
    except pl.exceptions.PolarsError as error:
        raise ResultCorrupt(
            f"{source} is damaged: {member} is not a Parquet table ({error}); save the result again"
        ) from error


def _unpack(
    document: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]
) -> tuple[RunRecord, KeptBars, dict[str, str]]:
    assets = {}
    for facts in document["assets"]:
        asset = Equity(**{name: decode(value, {}) for name, value in facts.items()})
        assets[asset.sid] = asset
    settings = RunSettings(
        **{name: decode(value, assets) for name, value in document["settings"].items()}
    )
    rows = {
        name: _rows(row_type, tables[name], assets)
        for name, row_type in (
            ("sessions", SessionRow),
            ("positions", PositionRow),
            ("orders", Order),
            ("denied", Order),
            ("session_orders", Order),
            ("transactions", Transaction),
        )
    }
    count = len(rows["sessions"])
    positions = _by_session(
        tables["positions"], [PositionRow(**row) for row in rows["positions"]], count
    )
    changed = _by_session(
        tables["session_orders"], [Order(**row) for row in rows["session_orders"]], count
    )
    adjustments = _adjustments(tables, assets)
    adjusted, counts = iter(adjustments), document.get("adjustments", [0] * count)
    sessions = [
        SessionRow(
            **row,
            recorded={
                decode(name, assets): decode(value, assets)
                for name, value in document["recorded"][number]
            },
            positions=tuple(positions[number]),
            orders=tuple(changed[number]),
            transactions=tuple(document["transactions"][number]),
            adjustments=tuple(next(adjusted) for _ in range(counts[number])),
        )
        for number, row in enumerate(rows["sessions"])
    ]
    record = RunRecord(
        str(document["strategy_name"]),
        settings,
        tuple(assets.values()),
        sessions,
        [Transaction(**row) for row in rows["transactions"]],
        [Order(**row) for row in rows["orders"]],
        [Order(**row) for row in rows["denied"]],
        adjustments,
        decode(document.get("marks", {"mapping": []}), assets),
        decode(document.get("pnl"), assets),
        RunNotes(**decode(document.get("notes", {"mapping": []}), assets)),
    )
    splits = decode(document.get("splits", {"mapping": []}), assets)
    return record, _bars(tables, splits), dict(document.get("provenance", {}))


def _adjustments(
    tables: Mapping[str, pl.DataFrame], assets: Mapping[int, Asset]
) -> list[Adjustment]:
    table = tables.get("adjustments")
    return [] if table is None else [Adjustment(**row) for row in _rows(Adjustment, table, assets)]


def _bars(
    tables: Mapping[str, pl.DataFrame], splits: Mapping[str, list[tuple[int, float]]]
) -> KeptBars:
    table = tables.get("bars")
    if table is None:
        return KeptBars()
    parts = table.partition_by("symbol", maintain_order=True)
    kept = {
        part["symbol"][0]: bars_of_columns({n: part[n].to_numpy() for n in ("us", *OHLCV)})
        for part in parts
    }
    return KeptBars(kept, splits)


def _by_session(table: pl.DataFrame, rows: list[Any], count: int) -> list[list[Any]]:
    grouped: list[list[Any]] = [[] for _ in range(count)]
    for number, row in zip(table["session"].to_list(), rows, strict=True):
        grouped[number].append(row)
    return grouped
