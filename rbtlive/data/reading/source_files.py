"""Read paths: files, folders, patterns and archives become tables."""

from __future__ import annotations

import glob
import io
import json
import lzma
import re
import sqlite3
import zipfile
from pathlib import Path
from typing import Any, Final, cast

import polars as pl

from rbtlive.data.checking.bounds import (
    member,
    members,
    refuse_large_arrow,
    refuse_many_rows,
    unpacked,
)
from rbtlive.data.checking.frames import READ_ERRORS, unreadable
from rbtlive.data.reading.delimited import read_delimited
from rbtlive.data.reading.file_names import WORKBOOKS, named, symbol_of_folders, symbol_of_stem
from rbtlive.data.reading.foreign import rows_of_database
from rbtlive.data.reading.mappings import of_json
from rbtlive.data.reading.sequences import of_rows
from rbtlive.data.reading.tables import Table
from rbtlive.data.reading.workbooks import is_workbook, tables_of_workbook
from rbtlive.errors import DataError, EmptyData, UnreadableFile

_TEXTS: Final = (".csv", ".txt", ".tsv", ".dat", ".prn")
_LINES: Final = (".jsonl", ".ndjson")
_ARROW: Final = (".arrow", ".feather", ".ipc", ".arrows")
_PARQUET: Final = (".parquet", ".pq", ".parq")
_NO_BARS: Final = (
    "readme",
    "notes",
    "note",
    "license",
    "changelog",
    "requirements",
    "about",
    "manifest",
)
"""Names of text files that accompany bars."""

_BY_PANDAS: Final = {
    ".h5": "read_hdf", ".hdf": "read_hdf", ".hdf5": "read_hdf",
    ".dta": "read_stata", ".sas7bdat": "read_sas", ".orc": "read_orc", ".html": "read_html",
    ".xml": "read_xml",
}  # fmt: skip
"""Files that another library reads, and its function."""

_BY_OTHERS: Final = {
    **dict.fromkeys((".pkl", ".pickle"), "rbt.read(pd.read_pickle({0!r}))"),
    **dict.fromkeys((".npz", ".npy"), "rbt.read(dict(np.load({0!r})))"),
    **dict.fromkeys((".dbn", ".dbn.zst"), "rbt.read(databento.DBNStore.from_file({0!r}))"),
    ".avro": "rbt.read(pl.read_avro({0!r}))",
    ".duckdb": "rbt.read(duckdb.connect({0!r}).sql('SELECT * FROM bars'))",
    **dict.fromkeys(
        (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz"),
        "shutil.unpack_archive({0!r}, 'unpacked'); rbt.read('unpacked')",
    ),
}
"""Files that one line of Python opens."""

_MAGIC: Final = {
    b"[": ".json",
    b"{": ".json",
    b"SQLite format 3": ".sqlite",
    b"PAR1": ".parquet",
    b"ARROW1": ".arrow",
    b"PK\x03\x04": ".zip",
}

_PACKED: Final = (".gz", ".bz2", ".xz", ".zst")
_SQLITE: Final = (".db", ".sqlite", ".sqlite3")
_KNOWN: Final = (*_TEXTS, *_LINES, *_ARROW, *_PARQUET, *_SQLITE, *WORKBOOKS, ".json", ".zip")


def tables_of_path(source: str | Path) -> list[Table]:
    """Return the tables at a path: of a file, a folder and everything below it, or a
    pattern.

    Raises:
        UnreadableFile: the path contains nothing readable.
    """
    if isinstance(source, str) and re.match(r"\w{2,}://", source):
        raise UnreadableFile(
            f"bars must be a file on this machine: was {source!r}; write: "
            f"rbt.read(pd.read_csv({source!r}))"
        )
    path = Path(source).expanduser()
    try:
        files = _files(path)
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise UnreadableFile(
            f"bars must be a file that exists: was {str(source)[:80]!r} ({error}); check the path"
        ) from error
    tables: list[Table] = []
    for file in files:
        tables += _with_folders(_tables_of_file(file), file, path)
    return tables


def tables_of_content(content: bytes, name: str) -> list[Table]:
    """Return the tables in a file's content; without a known suffix it is text.

    Raises:
        UnreadableFile: it contains no table.
    """
    known = name if _kind(name) else f"{name}{_kind_of_content(content)}"
    try:
        tables = _of_content(content, known)
    except READ_ERRORS as error:
        raise unreadable(name, error, what="bars") from error
    if _kind(name) or len(tables) > 1:
        return tables
    made_up = tables[0].symbol == symbol_of_stem(name)  # the content has no file name
    return [tables[0].but(symbol=None)] if made_up else tables


# The kind of nameless content, by its first bytes.
def _kind_of_content(content: bytes) -> str:
    start = content[:64].lstrip()
    return next((ending for magic, ending in _MAGIC.items() if start.startswith(magic)), ".csv")


# A ticker instead of a file suggests fetching a vendor's bars.
def _instead(path: str) -> str:
    if re.fullmatch(r"[A-Z][A-Z0-9.^=/-]{0,9}", path):
        return f'bars of a symbol come from a vendor: rbt.fetch("yfinance", [{path!r}], start=...)'
    return "check the path"


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [file for file in path.rglob("*") if file.is_file()]
    elif glob.has_magic(str(path)):
        found = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207
        found = [file for file in found if file.is_file()]
    else:
        raise UnreadableFile(
            f"bars must be a file that exists: was {str(path)!r}; {_instead(str(path))}"
        )
    known = [
        file
        for file in found
        if _kind(file.name) not in ("", *_SQLITE)  # for example Thumbs.db
        and not file.name.startswith((".", "_", "~$"))
        and file.stem.lower() not in _NO_BARS
    ]
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
            return _members(file, file.name, packed=file.stat().st_size)
        return _of_content(file, file.name)
    except DataError:
        raise
    except (*READ_ERRORS, EOFError, zipfile.BadZipFile, lzma.LZMAError, ValueError) as error:
        raise unreadable(file, error, what="bars") from error


def _members(file: Any, outside: str, *, packed: int) -> list[Table]:
    tables: list[Table] = []
    with zipfile.ZipFile(file) as archive:
        if is_workbook(archive.namelist()):
            content = file if isinstance(file, Path) else file.getvalue()
            return _sheets(content, outside)
        names = [n for n in sorted(archive.namelist()) if _kind(n) and "__MACOSX" not in n]
        members(archive, names, packed=packed)
        for name in names:
            tables += _of_content(member(archive, name), name, outside=outside)
    if not tables:
        raise UnreadableFile(
            f"an archive must hold files of bars: was {outside!r}, where none is; unpack it and "
            "look"
        )
    return tables


def _of_content(content: Path | bytes, name: str, *, outside: str = "") -> list[Table]:
    kind = _kind(name)
    content = unpacked(content, name)
    source: Any = io.BytesIO(content) if isinstance(content, bytes) else content
    if kind == ".zip":
        return _members(source, name, packed=len(cast("bytes", content)))
    if kind in _PARQUET:
        refuse_many_rows(content if isinstance(content, bytes) else [content], name)
        frames = [Table(pl.read_parquet(source, glob=False, hive_partitioning=False), name)]
    elif kind in _ARROW:
        refuse_large_arrow(content, name)
        frames = [Table(_ipc(source), name)]
    elif kind in _LINES:
        frames = [Table(pl.read_ndjson(source), name)]
    elif kind == ".json":
        raw = content if isinstance(content, bytes) else content.read_bytes()
        frames = _of_json_text(raw, name)
    elif kind in _SQLITE and isinstance(content, Path):
        frames = _of_database(content, name)
    elif kind in WORKBOOKS:
        return _sheets(content, name, outside=outside)
    elif kind in _TEXTS:
        frames = [read_delimited(content, where=name)]
    else:
        reader = next(
            (how for ending, how in _BY_PANDAS.items() if name.lower().endswith(ending)), ""
        )
        other = next(
            (line for ending, line in _BY_OTHERS.items() if name.lower().endswith(ending)), ""
        )
        path = str(content) if isinstance(content, Path) else name
        do = f"write: {other.format(path)}" if other else "convert it, or pass a frame"
        do = f"write: rbt.read(pd.{reader}({path!r}))" if reader else do
        raise UnreadableFile(
            f"bars must be CSV, text, JSON, Parquet or Arrow, also packed: was {name!r}; {do}"
        )
    return [named(table, name, outside=outside) for table in frames]


# A sheet counts as a file with its name; the only sheet uses the workbook's name.
def _sheets(content: Path | bytes, name: str, *, outside: str = "") -> list[Table]:
    sheets = tables_of_workbook(content, name)
    if len(sheets) == 1:
        return [named(sheets[0][1], name, outside=outside)]
    return [named(table, f"{sheet}.csv", outside=name) for sheet, table in sheets]


# One value, or one per line, as from Databento's to_json.
def _of_json_text(raw: bytes, name: str) -> list[Table]:
    try:
        return of_json(json.loads(raw), where=name)
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data"):
            raise
    return [Table(pl.read_ndjson(io.BytesIO(raw)), name)]


# Opened read-only: SQLite would create a missing file.
def _of_database(file: Path, name: str) -> list[Table]:
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    try:
        rows = rows_of_database(connection, name)
    except sqlite3.Error as error:
        raise unreadable(file, error, what="bars") from error
    finally:
        connection.close()
    if not rows:
        raise EmptyData(f"{name} must have at least one bar: was empty; pass bars")
    return [of_rows(rows, name)]


def _ipc(source: Any) -> pl.DataFrame:
    try:
        return pl.read_ipc(source)
    except pl.exceptions.PolarsError:  # the stream format
        return pl.read_ipc_stream(source)


# Folders such as symbol=AAPL become columns, and a folder AAPL around files without a
# symbol in their name is theirs.
def _with_folders(tables: list[Table], file: Path, root: Path) -> list[Table]:
    if not root.is_dir() and not glob.has_magic(str(root)):
        return tables
    pairs = [part.split("=", 1) for part in file.parts[:-1] if "=" in part]
    folders = file.relative_to(root).parts[:-1] if root.is_dir() else ()
    done = []
    for table in tables:
        fresh = {key: value for key, value in pairs if key not in table.frame.columns}
        frame = table.frame.with_columns(
            pl.lit(value).alias(key)
            for key, value in fresh.items()
            if key.lower() not in ("year", "month", "day", "hour")
        )
        own = table.symbol or symbol_of_folders(folders)
        done.append(table.but(frame=frame, symbol=None if fresh else own))
    return done
