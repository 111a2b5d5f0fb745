"""Rows in the journal's file: the newest as single rows, earlier stretches as packed
blocks.

The rule: a row is always in exactly one place, because it moves into its block in one
transaction. Blocks are chained by seals, so a block is read exactly as it was sealed.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from rbtlive.errors import JournalCorrupt
from rbtlive.runtime.journal.packing import MOST_ROW_BYTES, Packed, Row, SealedRow, pack, unpack
from rbtlive.runtime.journal.unpacked_rows import UnpackedRows

BLOCKS: Final = (
    "TABLE blocks (last INTEGER PRIMARY KEY, first INTEGER NOT NULL, kinds TEXT NOT NULL, "
    "checksum BLOB NOT NULL,\n    seal BLOB NOT NULL, facts BLOB NOT NULL, bars BLOB NOT NULL)"
)
"""The part of the statement after CREATE for the table of blocks."""

INSERT_BLOCK: Final = "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)"
SELECT_BLOCK: Final = "SELECT last, first, kinds, checksum, seal, facts, bars FROM blocks"
SELECT_ROW: Final = "SELECT seq, kind, type, ts, payload, checksum, wall_us FROM rows"

BLOCK_BYTES: Final = 1 << 16
"""Maximum text of rows in a block, if no single row is longer."""
PACKED_AT_BYTES: Final = 2 * BLOCK_BYTES
"""This much text waits as rows before the oldest part is packed."""
FLOOD_BYTES: Final = BLOCK_BYTES // 4
"""A commit that writes this much text at once packs it if possible."""
ROW_BYTES: Final = 100
"""Size that a row counts in addition to its payload."""
_MOST_AT_ONCE: Final = 4 * BLOCK_BYTES

_MOST_ROWS: Final = BLOCK_BYTES // ROW_BYTES + 1
_BATCH: Final = 500

RawRow = tuple[int, bytes, bytes, bytes, bytes, bytes, int]
"""A row as it is stored, with texts undecoded: seq, kind, type, ts, payload, checksum,
wall_us.
"""


class Block(NamedTuple):
    """A stretch of rows in its stored form.

    Attributes:
        last: Number of its last row.
        first: Number of its first row.
        kinds: The kinds of its rows, each between commas.
        checksum: Checksum of its last row.
        seal: SHA-256 over the seal of the previous block and everything in this one.
        facts: See `Packed`.
        bars: See `Packed`.
    """

    last: int
    first: int
    kinds: bytes
    checksum: bytes
    seal: bytes
    facts: bytes
    bars: bytes

    def fits(self, *, after: int, seal: bytes) -> bool:
        """Say whether this block follows a given row and seal."""
        try:
            return (
                self.first == after + 1
                and self.last >= self.first
                and self.seal == _seal(seal, self)
            )
        except TypeError:  # a damaged column may hold anything
            return False


def _seal(before: bytes, block: Block) -> bytes:
    head = b"%b%d,%d%b" % (before, block.first, block.last, block.kinds)
    digest = hashlib.sha256(head + block.checksum)
    for part in (block.facts, block.bars):
        digest.update(b"%d," % len(part))
        digest.update(part)
    return digest.digest()


def pack_oldest(connection: sqlite3.Connection, *, seed: bytes, kept: UnpackedRows) -> int:
    """Move the oldest rows into a block if they fill one without the last row; return
    how much text they were, 0 if there are too few.

    Must be called outside of a transaction.

    Args:
        connection: Connection to the journal.
        seed: The header's checksum, from which the seals start.
        kept: Rows known without reading the file.
    """
    packed_to, before = _last_block(connection, seed)
    rows, size = _oldest(kept.after(packed_to) or _stored(connection))
    if size < BLOCK_BYTES or size > MOST_ROW_BYTES:
        return 0
    block = _block_of(rows, before, kept)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(INSERT_BLOCK, as_stored(block))
    connection.execute("DELETE FROM rows WHERE seq <= ?", (block.last,))
    connection.execute("COMMIT")
    kept.drop_through(block.last)
    return size


def pack_new(
    connection: sqlite3.Connection, new: list[SealedRow], *, seed: bytes, kept: UnpackedRows
) -> tuple[list[SealedRow], int]:
    """Write all rows except the last into a block if they fill half of one: under load,
    a row is then written once instead of first as a row, which costs more than packing.

    Must be called within a transaction. After it is committed, drop the packed rows
    from `kept`.

    Args:
        connection: Connection to the journal.
        new: Rows that are not written yet, in order.
        seed: The header's checksum, from which the seals start.
        kept: Rows known without reading the file.

    Returns:
        The rows of `new` that still have to be written, and how much text was packed.
    """
    packed_to, before = _last_block(connection, seed)
    waiting = kept.after(packed_to)
    if (waiting[-1][0] if waiting else packed_to) != new[0][0] - 1:
        return new, 0
    rows = [*waiting, *new[:-1]]
    size = sum([len(row[4]) for row in rows]) + ROW_BYTES * len(rows)
    if not BLOCK_BYTES // 2 <= size <= _MOST_AT_ONCE:
        return new, 0
    block = _block_of(rows, before, kept)
    connection.execute(INSERT_BLOCK, as_stored(block))
    if waiting:
        connection.execute("DELETE FROM rows WHERE seq <= ?", (block.last,))
    return new[-1:], size


def _block_of(rows: Sequence[SealedRow], before: bytes, kept: UnpackedRows) -> Block:
    packed = pack(rows, kept.floats)
    kinds = ("," + ",".join(sorted({row[1] for row in rows})) + ",").encode()
    block = Block(rows[-1][0], rows[0][0], kinds, rows[-1][5], b"", *packed)
    return block._replace(seal=_seal(before, block))


# The rows for a block, and how much text they are.
def _oldest(waiting: Sequence[SealedRow]) -> tuple[list[SealedRow], int]:
    rows, size = [], 0
    for row in islice(waiting, max(len(waiting) - 1, 0)):
        rows.append(row)
        size += len(row[4]) + ROW_BYTES
        if size >= BLOCK_BYTES:
            break
    return rows, size


def _stored(connection: sqlite3.Connection) -> list[SealedRow]:
    found = connection.execute(f"{SELECT_ROW} ORDER BY seq LIMIT ?", (_MOST_ROWS + 1,)).fetchall()
    return [(*_row_of(row)[:5], row[5], row[6]) for row in found]


# Number of the last packed row, and the seal of its block.
def _last_block(connection: sqlite3.Connection, seed: bytes) -> tuple[int, bytes]:
    found = connection.execute(
        "SELECT last, seal FROM blocks ORDER BY last DESC LIMIT 1"
    ).fetchone()
    return (0, seed) if found is None else (found[0], bytes(found[1]))


def as_stored(block: Block) -> tuple[object, ...]:
    """Return the values of a block's columns."""
    return block._replace(kinds=block.kinds.decode())  # type: ignore[arg-type]


def _row_of(row: RawRow) -> Row:
    seq, kind, type_name, ts, payload, _checksum, wall_us = row
    return seq, kind.decode(), type_name.decode(), ts.decode(), payload.decode(), wall_us


def _seal_before(connection: sqlite3.Connection, number: int, seed: bytes) -> bytes:
    found = connection.execute(
        "SELECT seal FROM blocks WHERE last < ? ORDER BY last DESC LIMIT 1", (number,)
    ).fetchone()
    return seed if found is None else bytes(found[0])


class RowReader:
    """Reads the rows of an open journal in order; other statements may run in between,
    and the session may pack rows meanwhile.

    Args:
        connection: Connection to the journal.
        path: Its file, for messages.
        seed: The header's checksum, from which the seals start.
    """

    def __init__(self, connection: sqlite3.Connection, *, path: Path | None, seed: bytes) -> None:
        self._connection = connection
        self._called = "in memory" if path is None else path.name
        self._seed = seed

    def rows(self, *, after: int, last: int, with_bars: bool = True) -> Iterator[Row]:
        """Yield the rows after one number up to another.

        Args:
            after: Number of the row before the first.
            last: Number of the last row.
            with_bars: Whether to include slices of plain bars; packed ones are
                otherwise not unpacked.

        Raises:
            JournalCorrupt: a block differs from its seal, or a row is missing.
        """
        seal: bytes | None = None
        while after < last:
            block = self._block_after(after)
            if block is None:
                given = (after, min(_BATCH, last - after))
                stored = self._connection.execute(
                    f"{SELECT_ROW} WHERE seq > ? ORDER BY seq LIMIT ?", given
                ).fetchall()
                if not stored:
                    return
                if stored[0][0] == after + 1 or self._block_after(after) is None:
                    yield from map(_row_of, stored)
                    after = stored[-1][0]
                continue  # they were packed meanwhile
            if seal is None:
                seal = _seal_before(self._connection, block.first, self._seed)
            rows = self._rows_of(block, seal=seal, with_bars=with_bars)
            yield from (row for row in rows if after < row[0] <= last)
            after, seal = block.last, block.seal

    def rows_of_kind(self, kind: str, *, last: int) -> Iterator[Row]:
        """Yield the rows of a kind up to a number; only blocks that contain some are
        read.
        """
        found = self._connection.execute(
            "SELECT first, last FROM blocks WHERE kinds LIKE ? UNION ALL "
            "SELECT seq, seq FROM rows WHERE kind = ? ORDER BY 1",
            (f"%,{kind},%", kind),
        ).fetchall()
        for first, end in found:
            rows = self.rows(after=first - 1, last=min(end, last), with_bars=kind == "input")
            yield from (row for row in rows if row[1] == kind)

    def _block_after(self, after: int) -> Block | None:
        found = self._connection.execute(
            f"{SELECT_BLOCK} WHERE last > ? ORDER BY last LIMIT 1", (after,)
        ).fetchone()
        return None if found is None else Block(*found)

    def _rows_of(self, block: Block, *, seal: bytes, with_bars: bool) -> list[Row]:
        if not block.fits(after=block.first - 1, seal=seal):
            raise JournalCorrupt(
                f"journal {self._called} is damaged: rows {block.first} to {block.last} are not "
                "what was written; restore it from a copy, or attach with fresh=True"
            )
        try:
            return unpack(Packed(block.facts, block.bars), first=block.first, with_bars=with_bars)
        except ValueError as error:
            raise JournalCorrupt(
                f"journal {self._called} is damaged: rows {block.first} to {block.last}: {error}; "
                "restore it from a copy, or attach with fresh=True"
            ) from error
