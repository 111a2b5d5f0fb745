"""The checksums over a journal's rows: computed when rows are written, and checked when
they are read.

The rule: a file is trusted only as far as its checksums hold. Damage at the very end is
a torn tail and can be cut; damage before that is corruption.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rbtlive.errors import JournalCorrupt
from rbtlive.runtime.journal.blocks import (
    ROW_BYTES,
    SELECT_BLOCK,
    SELECT_ROW,
    Block,
    RawRow,
    as_stored,
)
from rbtlive.runtime.journal.packing import Row, SealedRow
from rbtlive.runtime.journal.store import (
    IN_MEMORY,
    SQLITE_ERRORS,
    as_journal_error,
    is_truncated,
)

CHECKED_AT_ONCE_BYTES: Final = 1 << 20
"""Blocks up to this many bytes are checked while a journal is opened for writing; of
more, only the last block is, and the others when they are read, which is before trading
starts.
"""


def row_bytes(*, seq: int, kind: str, type_name: str, ts: str, payload: str) -> bytes:
    """Return the canonical JSON of a row, which is hashed; it does not include wall
    time.
    """
    return f'[{seq},"{kind}","{type_name}","{ts}",{payload}]\n'.encode()


@dataclass(slots=True)
class Chain:
    """How far the checksums over a journal's rows were checked.

    Attributes:
        checksum: The last row's: SHA-256 over the previous checksum and the row's
            canonical JSON.
        seq: The last row.
        waiting_bytes: Amount of row text that is not packed yet.
    """

    checksum: bytes
    seq: int = 0
    waiting_bytes: int = 0

    def seal(self, rows: Sequence[Row]) -> tuple[list[SealedRow], Chain]:
        """Return rows with their checksums, and the chain that ends with them; this
        chain does not change.
        """
        sha256, checksum, seq = hashlib.sha256, self.checksum, self.seq
        sealed: list[SealedRow] = []
        size = self.waiting_bytes
        for seq, kind, type_name, ts, payload, wall_us in rows:
            # The same text as `row_bytes`, without the call.
            text = f'[{seq},"{kind}","{type_name}","{ts}",{payload}]\n'
            checksum = sha256(checksum + text.encode()).digest()
            size += len(payload) + ROW_BYTES
            sealed.append((seq, kind, type_name, ts, payload, checksum, wall_us))
        return sealed, Chain(checksum, seq, size)


@dataclass(frozen=True, slots=True)
class TailCut:
    """The loss at a journal's end.

    Attributes:
        last_seq: The last good row.
        reason: The problem found after it.
    """

    last_seq: int
    reason: str


def hash_of(rows: Iterator[Row]) -> str:
    """Return SHA-256, in hexadecimal, over the canonical JSON of rows in order."""
    digest = hashlib.sha256()
    for seq, kind, type_name, ts, payload, _wall_us in rows:
        digest.update(row_bytes(seq=seq, kind=kind, type_name=type_name, ts=ts, payload=payload))
    return digest.hexdigest()


def follow(
    connection: sqlite3.Connection,
    *,
    path: Path | None,
    seed: bytes,
    keep: Callable[[str, tuple[object, ...]], object] | None = None,
    most_bytes: int | None = None,
) -> tuple[Chain, TailCut | None]:
    """Check all rows against their checksums, up to the first damage.

    Args:
        connection: An open journal, outside of a transaction.
        path: Its file, for messages and for its size.
        seed: The header's checksum, where the chain begins.
        keep: Called with the table and the values of each good block and row.
        most_bytes: If all blocks together are larger, only the last one is checked
            completely; `RowReader` checks the others.

    Returns:
        The chain up to the last good row, and the torn-off tail after it, if any.

    Raises:
        JournalCorrupt: something is damaged but good rows follow it, or a page of the
            file is damaged.
    """
    link = _Links(path, seed, keep)
    try:
        connection.execute("BEGIN")  # its session may pack rows between two looks
        try:
            for block in _blocks(connection, link, most_bytes):
                link.take_block(block)
            # One at a time: rows before a missing page are good.
            for row in connection.execute(f"{SELECT_ROW} ORDER BY seq"):
                link.take_row(row)
        finally:
            connection.execute("COMMIT")
    except SQLITE_ERRORS as error:
        if path is None or not is_truncated(path):
            raise as_journal_error(error, path) from error
        link.damaged = f"the file ends within row {link.chain.seq + 1} or after it: {error}"
    return link.chain, None if link.damaged is None else TailCut(link.chain.seq, link.damaged)


# The blocks to check completely: all, or only the last one if they are large together.
def _blocks(
    connection: sqlite3.Connection, link: _Links, most_bytes: int | None
) -> Iterator[Block]:
    if most_bytes is not None:
        (size,) = connection.execute(
            "SELECT coalesce(sum(length(facts) + length(bars)), 0) FROM blocks"
        ).fetchone()
        if size > most_bytes:
            spans = "SELECT last, first, seal FROM blocks ORDER BY last"
            *earlier, (last, _first, _seal) = connection.execute(spans).fetchall()
            link.pass_blocks(earlier)
            yield from map(
                Block._make, connection.execute(f"{SELECT_BLOCK} WHERE last = ?", (last,))
            )
            return
    for found in connection.execute(f"{SELECT_BLOCK} ORDER BY last"):
        yield Block(*found)


class _Links:
    # The chain as it is checked: its good part, and whether rows after a damage
    # continue it.

    def __init__(
        self,
        path: Path | None,
        seed: bytes,
        keep: Callable[[str, tuple[object, ...]], object] | None,
    ) -> None:
        self.chain = Chain(seed)
        self.damaged: str | None = None
        self._called = IN_MEMORY if path is None else path.name
        self._keep = keep
        self._seal = seed
        self._before: tuple[int, bytes] | None = None

    def take_block(self, block: Block) -> None:
        chain = self.chain
        if self.damaged is None and block.fits(after=chain.seq, seal=self._seal):
            self.chain = Chain(block.checksum, block.last)
            if self._keep is not None:
                self._keep("blocks", as_stored(block))
        elif self.damaged is None:
            self.damaged = f"rows {chain.seq + 1} to {block.last} are not what was written"
        elif self._before is not None and block.fits(after=self._before[0], seal=self._seal):
            raise self._corrupt(f"rows {block.first} to {block.last} follow")
        self._seal, self._before = block.seal, (block.last, block.checksum)

    def pass_blocks(self, spans: Sequence[tuple[int, int, bytes]]) -> None:
        """Record numbers and seals of the first blocks: (last, first, seal)."""
        seq = self.chain.seq
        for last, first, _seal in spans:
            if not (first == seq + 1 and last >= first):
                self.damaged = f"rows {seq + 1} to {last} are not what was written"
                break
            seq = last
        self.chain.seq = seq
        if spans:
            self._seal, self._before = spans[-1][2], (spans[-1][0], b"")

    def take_row(self, row: RawRow) -> None:
        chain = self.chain
        if self.damaged is None:
            text = _fitting(row, seq=chain.seq + 1, checksum=chain.checksum)
            if text is None:
                self.damaged = f"row {chain.seq + 1} is not what was written"
            else:
                self.chain = Chain(row[5], row[0], chain.waiting_bytes + len(row[4]) + ROW_BYTES)
                if self._keep is not None:
                    self._keep("rows", _as_written(row))
        elif self._before is not None and _fitting(
            row, seq=self._before[0] + 1, checksum=self._before[1]
        ):
            raise self._corrupt(f"row {row[0]} follows")
        self._before = (row[0], row[5])

    def _corrupt(self, but: str) -> JournalCorrupt:
        return JournalCorrupt(
            f"journal {self._called} is damaged in its middle: {self.damaged}, but {but}; "
            "restore it from a copy, or attach with fresh=True"
        )


# The canonical JSON of a row if it has the expected number and fits the previous
# checksum, otherwise None.
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
