"""The journal's SQLite file: its schema, its header, and whether its rows are still
what was written.

Its rule: a file is believed only as far as its chain of checksums holds. Damage at the
very end is a torn tail and can be cut; damage anywhere before is corruption, and
nothing is read past it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rbtlive.data.drafts import draft_of
from rbtlive.errors import JournalCorrupt, JournalError, JournalUnwritable, JournalVersion
from rbtlive.runtime.journal.codec import canonical_json
from rbtlive.runtime.journal.files import refuse_link

FORMAT: Final = 1
"""Number of the file format; raised when old files cannot be read any more."""

IN_MEMORY: Final = ":memory:"
SQLITE_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What reading a file raises; the second where a damaged name stands in SQLite's own
message.
"""

_APPLICATION_ID: Final = 0x5242544C  # "RBTL"
_BUSY_MS: Final = 100
_BATCH: Final = 2000
_CHECKSUM_KEY: Final = ""
_SIDE_FILES: Final = ("-wal", "-shm", "-journal")

_SCHEMA: Final = (
    "CREATE TABLE header (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    (
        "CREATE TABLE rows (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, type TEXT NOT NULL, "
        "ts TEXT NOT NULL,\n    payload TEXT NOT NULL, checksum BLOB NOT NULL, "
        "wall_us INTEGER NOT NULL)"
    ),
    "CREATE TABLE touched (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL)",
)
INSERT_ROW: Final = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)"
INSERT_TOUCH: Final = "INSERT OR REPLACE INTO touched VALUES (1, ?)"
_SELECT: Final = (
    "SELECT seq, kind, type, ts, payload, checksum, wall_us FROM rows WHERE seq > ? ORDER BY "
    "seq LIMIT ?"
)

_SELECT_WITHOUT: Final = (
    "SELECT seq, kind, type, ts, payload, checksum, wall_us FROM rows WHERE seq > ? AND seq "
    "<= ? AND type <> ? ORDER BY seq LIMIT ?"
)


WaitingRow = tuple[int, str, str, str, str, int]
"""A row that is not stored yet: seq, kind, type, ts, payload, wall_us."""

SealedRow = tuple[int, str, str, str, str, bytes, int]
"""A row as it is stored: seq, kind, type, ts, payload, checksum, wall_us."""

RawRow = tuple[int, bytes, bytes, bytes, bytes, bytes, int]
"""A row as it is stored, with texts undecoded: seq, kind, type, ts, payload, checksum,
wall_us.
"""


def row_bytes(*, seq: int, kind: str, type_name: str, ts: str, payload: str) -> bytes:
    """Return the canonical JSON of a row, which is what is hashed; the wall clock is no
    part of it.
    """
    return f'[{seq},"{kind}","{type_name}","{ts}",{payload}]\n'.encode()


@dataclass(slots=True)
class Chain:
    """The checksums over a journal's rows, as far as they were followed.

    Attributes:
        seq: The last row.
        checksum: Its checksum: SHA-256 over the checksum before and the row's canonical
            JSON.
        digest: SHA-256 over the canonical JSON of all rows so far, the journal's hash.
    """

    checksum: bytes
    seq: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def follow(self, text: bytes, checksum: bytes) -> None:
        """Follow one row further, whose checksum is known."""
        self.digest.update(text)
        self.checksum = checksum
        self.seq += 1

    def seal(self, rows: Sequence[WaitingRow]) -> tuple[list[SealedRow], Chain]:
        """Return rows with their checksums, and the chain that ends with them; this one
        stays as it is.
        """
        sha256, checksum, seq = hashlib.sha256, self.checksum, self.seq
        sealed: list[SealedRow] = []
        texts: list[bytes] = []
        for seq, kind, type_name, ts, payload, wall_us in rows:
            text = row_bytes(seq=seq, kind=kind, type_name=type_name, ts=ts, payload=payload)
            texts.append(text)
            checksum = sha256(checksum + text).digest()
            sealed.append((seq, kind, type_name, ts, payload, checksum, wall_us))
        digest = self.digest.copy()
        digest.update(b"".join(texts))
        return sealed, Chain(checksum, seq, digest)


@dataclass(frozen=True, slots=True)
class TailCut:
    """What was lost at a journal's end.

    Attributes:
        last_seq: The last row that is good.
        reason: What was found after it.
    """

    last_seq: int
    reason: str


def create_file(path: Path) -> None:
    """Make an empty file for a journal that only its owner can read.

    Raises:
        JournalUnwritable: it cannot be made.
    """
    refuse_link(path)
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise JournalUnwritable(
            f"journal {path.name} cannot be made: {error.strerror}; make its folder writable"
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
    """Let readers read while the journal is written, and let a commit cost one sync, or
    none.
    """
    connection.execute("PRAGMA journal_mode = WAL").fetchone()


def prove_writable(connection: sqlite3.Connection, *, seq: int) -> None:
    """Write something, so that a journal that takes nothing is known before anything
    depends on it.
    """
    connection.execute(INSERT_TOUCH, (seq,))


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open a journal's file for reading alone, whether somebody writes it or nobody
    may.

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
        try:  # a finished journal in a folder where no side files can be made
            connection = _probe(uri + "&immutable=1", path)
        except SQLITE_ERRORS as second:
            raise as_journal_error(second, path) from second
    except SQLITE_ERRORS as error:
        raise as_journal_error(error, path) from error
    connection.text_factory = bytes
    return connection


def is_blank(connection: sqlite3.Connection) -> bool:
    """Say whether a file never became a journal: its maker died before the header was
    there.
    """
    return _scalar(connection, "SELECT count(*) FROM sqlite_master") == 0


def write_header(connection: sqlite3.Connection, header: Mapping[str, object]) -> bytes:
    """Make the tables and write the header, all or nothing, and return the header's
    checksum.
    """
    texts = {key: canonical_json(value) for key, value in header.items()}
    checksum = _header_checksum(texts)
    rows = [*texts.items(), (_CHECKSUM_KEY, checksum.hex())]
    use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.executemany("INSERT INTO header VALUES (?, ?)", rows)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")
    # In the main file at once: a lost log then leaves a run that misses its rows, and
    # not no run at all.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return checksum


def read_header(connection: sqlite3.Connection, path: Path | None) -> tuple[dict[str, Any], bytes]:
    """Return a journal's header and its checksum.

    Raises:
        JournalVersion: the file has another format.
        JournalCorrupt: the file is no journal, or its header is not what was written.
    """
    name = _called(path)
    try:
        application = _scalar(connection, "PRAGMA application_id")
        version = _scalar(connection, "PRAGMA user_version")
        if application == _APPLICATION_ID and version != FORMAT:
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
            {key: text for key, text in texts.items() if key != _CHECKSUM_KEY}
        )
        if texts.pop(_CHECKSUM_KEY, None) != checksum.hex():
            raise JournalCorrupt(
                f"journal {name} has a header that is not what was written; restore it from a copy"
            )
        return {key: json.loads(text) for key, text in texts.items()}, checksum
    except (*SQLITE_ERRORS, TypeError) as error:
        raise as_journal_error(error, path) from error


def numbers_of_kind(connection: sqlite3.Connection, kind: str, *, last: int) -> list[int]:
    """Return the numbers of the stored rows of a kind up to a number, without reading
    the others.
    """
    found = connection.execute(
        "SELECT seq FROM rows WHERE kind = ? AND seq <= ? ORDER BY seq", (kind, last)
    )
    return [number for (number,) in found]


def read_rows(connection: sqlite3.Connection, *, after: int, last: int) -> Iterator[RawRow]:
    """Yield the stored rows after one number up to another, in order; other statements
    may run in between.
    """
    while after < last:
        batch = connection.execute(_SELECT, (after, min(_BATCH, last - after))).fetchall()
        if not batch:
            return
        yield from batch
        after = batch[-1][0]


def read_rows_without(
    connection: sqlite3.Connection, type_name: str, *, last: int
) -> Iterator[RawRow]:
    """Yield the stored rows up to a number that are not of a type, in order, without
    reading the others.
    """
    after = 0
    while True:
        given = (after, last, type_name, _BATCH)
        batch = connection.execute(_SELECT_WITHOUT, given).fetchall()
        yield from batch
        if len(batch) < _BATCH:
            return
        after = batch[-1][0]


def follow(
    connection: sqlite3.Connection,
    *,
    path: Path | None,
    seed: bytes,
    keep: Callable[[RawRow], object] | None = None,
) -> tuple[Chain, TailCut | None]:
    """Check all rows against their checksums, as far as they are good.

    Args:
        connection: An open journal.
        path: Its file, for messages and for its size.
        seed: The header's checksum, where the chain begins.
        keep: Called with each good row.

    Returns:
        The chain up to the last good row, and what was torn off after it, if anything.

    Raises:
        JournalCorrupt: a row is damaged although good ones follow it, or a page of the
            file is.
    """
    chain = Chain(checksum=seed)
    damaged: str | None = None
    before: RawRow | None = None
    try:
        for row in connection.execute(
            _SELECT, (0, -1)
        ):  # one by one: what lies before a missing page is good
            if damaged is None:
                text = _fitting(row, seq=chain.seq + 1, checksum=chain.checksum)
                if text is None:
                    damaged = f"row {chain.seq + 1} is not what was written"
                else:
                    chain.follow(text, row[5])
                    if keep is not None:
                        keep(row)
            elif before is not None and _fitting(row, seq=before[0] + 1, checksum=before[5]):
                raise JournalCorrupt(
                    f"journal {_called(path)} is damaged in its middle: {damaged}, but row "
                    f"{row[0]} follows; "
                    "restore it from a copy, or attach with fresh=True"
                )
            before = row
    except SQLITE_ERRORS as error:
        if path is None or not is_truncated(path):
            raise as_journal_error(error, path) from error
        damaged = f"the file ends within row {chain.seq + 1} or after it: {error}"
    return chain, None if damaged is None else TailCut(chain.seq, damaged)


def rewrite(connection: sqlite3.Connection, *, path: Path, seed: bytes) -> None:
    """Replace a journal whose tail is torn by its good rows; the damaged file is kept
    beside it. Closes `connection`.

    Raises:
        JournalUnwritable: there is no room for the new file.
    """
    with draft_of(path) as draft:
        create_file(draft)
        with closing(connection), closing(connect(draft)) as target:
            try:
                _copy_good_rows(connection, target, path=path, seed=seed)
            except SQLITE_ERRORS as error:
                raise as_journal_error(error, path) from error
        try:
            _keep_damaged(path)
            for suffix in _SIDE_FILES:
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            draft.replace(path)
        except OSError as error:
            raise JournalUnwritable(
                f"journal {path.name} cannot be repaired: {error.strerror}; make room beside it"
            ) from error


def _copy_good_rows(
    connection: sqlite3.Connection, target: sqlite3.Connection, *, path: Path, seed: bytes
) -> None:
    pairs = connection.execute("SELECT key, value FROM header").fetchall()
    header = {
        bytes(k).decode(): json.loads(bytes(v))
        for k, v in pairs
        if bytes(k).decode() != _CHECKSUM_KEY
    }
    write_header(target, header)
    target.execute("BEGIN IMMEDIATE")
    follow(
        connection,
        path=path,
        seed=seed,
        keep=lambda row: target.execute(INSERT_ROW, _as_written(row)),
    )
    target.execute("COMMIT")
    target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def is_truncated(path: Path) -> bool:
    """Say whether a file is shorter than it says itself."""
    # Bytes 16-17 of an SQLite file are the size of its pages, bytes 28-31 their number.
    with path.open("rb") as file:
        start = file.read(32)
    if len(start) < 32:
        return True
    page_bytes = int.from_bytes(start[16:18], "big")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    return path.stat().st_size < page_bytes * int.from_bytes(start[28:32], "big")


def as_journal_error(error: Exception, path: Path | None) -> JournalError:
    """Return the error of ours for what SQLite met."""
    name = _called(path)
    code = getattr(error, "sqlite_errorcode", None)
    if (
        isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR
    ):  # that one: a table is gone
        return JournalUnwritable(
            f"journal {name} cannot be used: {error}; look for a full disk, a missing permission, "
            "or another program "
            "that has the file open"
        )
    return JournalCorrupt(
        f"journal {name} is damaged: {error}; restore it from a copy, or attach with fresh=True"
    )


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
    except SQLITE_ERRORS:
        connection.close()
        raise
    return connection


def _refuse_links(path: Path) -> None:
    refuse_link(path)
    for suffix in _SIDE_FILES:
        refuse_link(path.with_name(path.name + suffix))


def _called(path: Path | None) -> str:
    return IN_MEMORY if path is None else path.name


def _scalar(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])


def _header_checksum(texts: Mapping[str, str]) -> bytes:
    return hashlib.sha256(
        "".join(f"{key}={texts[key]}\n" for key in sorted(texts)).encode()
    ).digest()


# The canonical JSON of a row if it is the one that a number and the checksum before
# call for, else None.
def _fitting(row: RawRow, *, seq: int, checksum: bytes) -> bytes | None:
    try:
        text = b'[%d,"%b","%b","%b",%b]\n' % row[:5]
        good = row[0] == seq and hashlib.sha256(checksum + text).digest() == row[5]
    except TypeError:  # a damaged column may hold anything
        return None
    return text if good else None


def _as_written(row: RawRow) -> tuple[object, ...]:
    seq, kind, type_name, ts, payload, checksum, wall_us = row
    return seq, kind.decode(), type_name.decode(), ts.decode(), payload.decode(), checksum, wall_us


def _keep_damaged(path: Path) -> None:
    number = 1
    while (copy := path.with_name(f"{path.name}.damaged{number}")).exists():
        number += 1
    shutil.copy2(path, copy)
    wal = path.with_name(path.name + "-wal")
    if wal.exists():
        shutil.copy2(wal, copy.with_name(copy.name + "-wal"))
