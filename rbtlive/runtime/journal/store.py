"""The journal's SQLite file: opening it, its schema and its header.

The rule: SQLite's errors become errors of ours that name the file.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack
from json import loads
from pathlib import Path
from typing import Any, Final

from rbtlive.errors import JournalCorrupt, JournalError, JournalUnwritable, JournalVersion
from rbtlive.runtime.journal.blocks import BLOCKS
from rbtlive.runtime.journal.codec import canonical_json
from rbtlive.runtime.journal.state_folder import refuse_link
from rbtlive.runtime.machine import advice_on

FORMAT: Final = 2
"""Number of the file format; increased when an earlier rbtlive cannot read new files.
"""
_WITHOUT_BLOCKS: Final = 1
"""The format before blocks: it can be read, and is upgraded when its run is resumed.
"""

IN_MEMORY: Final = ":memory:"
SQLITE_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""Errors from reading a file; the second if a damaged name appears in SQLite's own
message.
"""

_APPLICATION_ID: Final = 0x5242544C  # "RBTL"
_BUSY_MS: Final = 100
_CHUNK_BYTES: Final = 1 << 20
CHECKSUM_KEY: Final = ""
SIDE_FILES: Final = ("-wal", "-shm", "-journal")

_SCHEMA: Final = (
    "CREATE TABLE header (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    (
        "CREATE TABLE rows (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, type TEXT NOT NULL, "
        "ts TEXT NOT NULL,\n    payload TEXT NOT NULL, checksum BLOB NOT NULL, "
        "wall_us INTEGER NOT NULL)"
    ),
    f"CREATE {BLOCKS}",
    "CREATE TABLE touched (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL)",
)
INSERT_ROW: Final = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)"
INSERT_TOUCH: Final = "INSERT OR REPLACE INTO touched VALUES (1, ?)"


def create_file(path: Path) -> None:
    """Create an empty file for a journal that only its owner can read.

    Raises:
        JournalUnwritable: it cannot be created.
    """
    refuse_link(path)
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise JournalUnwritable(
            f"journal {path.name} cannot be made: {error.strerror}; "
            + advice_on(error, otherwise="make its folder writable")
        ) from error


def connect(path: Path | None) -> sqlite3.Connection:
    """Open a journal's file for writing; None is a journal in memory.

    Raises:
        UnsafeStateFolder: the file, or one beside it, is a link.
        JournalError: SQLite cannot open it.
    """
    if path is not None:
        _refuse_links(path)
    try:
        connection = sqlite3.connect(
            IN_MEMORY if path is None else path.absolute().as_uri() + "?mode=rw",
            uri=path is not None,
            isolation_level=None,
            check_same_thread=False,
            timeout=_BUSY_MS / 1000,
        )
    except SQLITE_ERRORS as error:
        raise as_journal_error(error, path) from error
    connection.text_factory = bytes
    try:
        _prepare(connection, path)
    except SQLITE_ERRORS as error:
        connection.close()
        raise as_journal_error(error, path) from error
    return connection


def use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Let others read while the journal is written, and let a commit cost one sync or
    none.
    """
    connection.execute("PRAGMA journal_mode = WAL").fetchone()


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Add the table of blocks to a file of the previous format."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == _WITHOUT_BLOCKS:
        connection.execute("DROP TABLE temp.blocks")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"CREATE {BLOCKS}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")


def prove_writable(connection: sqlite3.Connection, *, seq: int) -> None:
    """Write something, so that an unwritable journal is noticed before anything depends
    on it.
    """
    connection.execute(INSERT_TOUCH, (seq,))


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open a journal's file for reading only, even while it is written or nobody may
    write it.

    Raises:
        UnsafeStateFolder: the file, or one beside it, is a link.
        JournalError: SQLite cannot open it.
    """
    _refuse_links(path)
    uri = path.absolute().as_uri() + "?mode=ro"
    try:
        connection = _probe(uri, path)
    except sqlite3.OperationalError as error:
        if path.with_name(path.name + "-wal").exists() or not path.exists():
            raise as_journal_error(error, path) from error
        try:  # a finished journal in a folder where side files cannot be created
            connection = _probe(uri + "&immutable=1", path)
        except SQLITE_ERRORS as second:
            raise as_journal_error(second, path) from second
    except SQLITE_ERRORS as error:
        raise as_journal_error(error, path) from error
    connection.text_factory = bytes
    return connection


def is_blank(connection: sqlite3.Connection) -> bool:
    """Say whether a file never became a journal: its creator died before writing the
    header.
    """
    return _scalar(connection, "SELECT count(*) FROM sqlite_master") == 0


def write_header(connection: sqlite3.Connection, header: Mapping[str, object]) -> bytes:
    """Create the tables and write the header in one transaction, and return the
    header's checksum.
    """
    texts = {key: canonical_json(value) for key, value in header.items()}
    checksum = _header_checksum(texts)
    rows = [*texts.items(), (CHECKSUM_KEY, checksum.hex())]
    use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.executemany("INSERT INTO header VALUES (?, ?)", rows)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")
    # In the main file at once: if the log is lost, the run misses rows instead of being
    # lost completely.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return checksum


def read_header(connection: sqlite3.Connection, path: Path | None) -> tuple[dict[str, Any], bytes]:
    """Return a journal's header and its checksum.

    Raises:
        JournalVersion: the file has another format.
        JournalCorrupt: the file is not a journal, or its header was changed.
    """
    name = _called(path)
    try:
        application = _scalar(connection, "PRAGMA application_id")
        version = _scalar(connection, "PRAGMA user_version")
        if application == _APPLICATION_ID and version == _WITHOUT_BLOCKS:
            connection.execute(f"CREATE TEMP {BLOCKS}")  # and the file has no blocks
        elif application == _APPLICATION_ID and version != FORMAT:
            raise JournalVersion(
                f"journal {name} must have format {FORMAT}: has {version}; open it with the "
                "version of rbtlive that "
                "wrote it, or attach with fresh=True"
            )
        pairs = (
            connection.execute("SELECT key, value FROM header").fetchall() if application else []
        )
        texts = {bytes(key).decode(): bytes(value).decode() for key, value in pairs}
        checksum = _header_checksum(
            {key: text for key, text in texts.items() if key != CHECKSUM_KEY}
        )
        if texts.pop(CHECKSUM_KEY, None) != checksum.hex():
            raise JournalCorrupt(
                f"journal {name} has a header that is not what was written; restore it from a copy"
            )
        return {key: loads(text) for key, text in texts.items()}, checksum
    except (*SQLITE_ERRORS, TypeError) as error:
        raise as_journal_error(error, path) from error


def is_truncated(path: Path) -> bool:
    """Say whether a file is shorter than its header says."""
    # Bytes 16-17 of an SQLite file are the page size, bytes 28-31 the number of pages.
    with path.open("rb") as file:
        start = file.read(32)
    if len(start) < 32:
        return True
    page_bytes = int.from_bytes(start[16:18], "big")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    return path.stat().st_size < page_bytes * int.from_bytes(start[28:32], "big")


def as_journal_error(error: Exception, path: Path | None) -> JournalError:
    """Return our error for an error of SQLite."""
    name = _called(path)
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return JournalError(f"journal {name} is closed: open it again to read it")
    no_more = _no_more_files() if code == sqlite3.SQLITE_CANTOPEN else None
    if no_more is not None:
        advice = advice_on(no_more, otherwise="try again later")
        return JournalUnwritable(f"journal {name} cannot be opened: {no_more.strerror}; {advice}")
    if (
        isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR
    ):  # this error: a table is missing
        return JournalUnwritable(
            f"journal {name} cannot be used: {error}; look for a full disk or quota, a missing "
            "permission, or another program that has the file open"
        )
    unreadable = None if path is None else _unreadable(path)
    if unreadable is not None:  # SQLite reports that as damage too
        advice = advice_on(unreadable, otherwise="restore it from a copy")
        return JournalUnwritable(f"journal {name} cannot be read: {unreadable.strerror}; {advice}")
    return JournalCorrupt(
        f"journal {name} is damaged: {error}; restore it from a copy, or attach with fresh=True"
    )


# The operating system's error on opening as many files as SQLite does for a journal, if
# any: SQLite only says that it is unable to. The journal itself is left alone, because
# closing it would release the locks that this process holds on it.
def _no_more_files() -> OSError | None:
    with ExitStack() as files:
        try:
            for _ in ("", *SIDE_FILES):
                files.enter_context(Path(os.devnull).open("rb"))
        except OSError as error:
            return error
    return None


# The operating system's error on reading the whole file, if any.
def _unreadable(path: Path) -> OSError | None:
    try:
        with path.open("rb") as file:
            while file.read(_CHUNK_BYTES):
                pass
    except OSError as error:
        return error
    return None


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    if path is not None and is_truncated(
        path
    ):  # SQLite then reads what there is, instead of nothing
        connection.execute("PRAGMA writable_schema = ON")


def _probe(uri: str, path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, timeout=2.0
    )
    try:
        _prepare(connection, path)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_links(path: Path) -> None:
    refuse_link(path)
    for suffix in SIDE_FILES:
        refuse_link(path.with_name(path.name + suffix))


def _called(path: Path | None) -> str:
    return IN_MEMORY if path is None else path.name


def _scalar(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])


def _header_checksum(texts: Mapping[str, str]) -> bytes:
    return hashlib.sha256(
        "".join(f"{key}={texts[key]}\n" for key in sorted(texts)).encode()
    ).digest()
