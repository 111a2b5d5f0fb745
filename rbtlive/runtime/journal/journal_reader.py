"""Read a journal: its rows, and the recorded run that they describe.

The rule: the rows read are a prefix of what happened, and reading changes nothing. A
payload is data: reading it runs no code.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from json import loads
from os import getpid
from pathlib import Path
from typing import Any, NamedTuple, Self

from rbtlive.errors import RunNotFound
from rbtlive.model.events import Event, MarketDataEvent
from rbtlive.runtime.journal import store
from rbtlive.runtime.journal.blocks import RowReader
from rbtlive.runtime.journal.chain import TailCut, follow, hash_of
from rbtlive.runtime.journal.codec import SliceText, decode_event, parse_datetime
from rbtlive.runtime.journal.forked_sqlite import OPEN
from rbtlive.runtime.journal.packing import Row

_SLICE = MarketDataEvent.__name__
RUN_ENDED = "RunEnded"
"""Type of the row that ends a run; no rows follow it."""


class RowKind(StrEnum):
    """The role of a row in a replay.

    Inputs came from outside and are processed by the core again; derived facts and
    intents are computed again and compared; state restores; notes are for people.
    """

    INPUT = "input"
    DERIVED = "derived"
    INTENT = "intent"
    STATE = "state"
    NOTE = "note"


class JournalRow(NamedTuple):
    """One row.

    Attributes:
        seq: Its number, from 1 without gaps.
        kind: A RowKind, as text.
        type: Name of the event's or command's class, or of the fact recorded.
        ts: Event time, as `2005-01-03T21:00:00.000000Z`.
        payload: Canonical JSON.
        wall_us: When it was written by the wall clock, microseconds since 1970; not
            part of any hash.
    """

    seq: int
    kind: str
    type: str
    ts: str
    payload: str
    wall_us: int

    @property
    def timestamp(self) -> datetime:
        """Event time, UTC."""
        return parse_datetime(self.ts)

    def data(self) -> Any:
        """Return the payload as plain lists, mappings, strings and numbers."""
        return loads(self.payload)

    def event(self) -> Event:
        """Return the event that the row records.

        Raises:
            JournalVersion: no event has this type.
            JournalCorrupt: the payload does not describe an event.
        """
        payload = self.payload
        if type(payload) is SliceText and self.type == _SLICE:
            return payload.event(self.timestamp)
        return decode_event(self.type, timestamp=self.timestamp, payload=payload)


class RecordedRun:
    """A run as its journal records it, for reading only; its session may still be
    running in another process.

    Attributes:
        path: The file; None in memory.
        header: Facts known when the run began, plus `run_id` and `name`.
        cut: The loss at the end, None if nothing is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path: Path | None = path
        self.cut: TailCut | None = None
        self._pid = getpid()
        self._connection = store.connect_read_only(path)
        OPEN.add(self)
        try:
            refuse_blank(self._connection, path)
            self.header, seed = store.read_header(self._connection, path)
            self._chain, self.cut = follow(self._connection, path=path, seed=seed)
            self._stored = RowReader(self._connection, path=path, seed=seed)
        except BaseException:
            self._connection.close()
            raise
        self._last_seq = self._chain.seq

    @property
    def is_foreign(self) -> bool:
        """Whether the parent process opened this, before a fork."""
        return self._pid != getpid()

    @property
    def run_id(self) -> str:
        """The run's 8 characters, which begin every client order id."""
        return str(self.header["run_id"])

    @property
    def last_seq(self) -> int:
        """Number of the last row; 0 if there are no rows."""
        return self._last_seq

    @property
    def ended(self) -> bool:
        """Whether the run has ended, so that the next attach starts another."""
        row = next(self.rows(after=self.last_seq - 1), None)
        return row is not None and row.type == RUN_ENDED

    def hash(self) -> str:
        """Return SHA-256, in hexadecimal, over the canonical JSON of the rows in order,
        one a line.
        """
        return hash_of(self.rows())

    def rows(self, *, after: int = 0) -> Iterator[JournalRow]:
        """Yield the rows after a number in order, up to the last one that is good
        now.
        """
        return self._made(self._stored.rows(after=after, last=self._chain.seq))

    def rows_without_slices(self) -> Iterator[JournalRow]:
        """Yield the rows that are not slices, in order; packed slices are not
        unpacked.
        """
        stored = self._stored.rows(after=0, last=self._chain.seq, with_bars=False)
        return self._made(row for row in stored if row[2] != _SLICE)

    def rows_of_kind(self, kind: str) -> Iterator[JournalRow]:
        """Yield the rows of one kind, in order."""
        return self._made(self._stored.rows_of_kind(kind, last=self._chain.seq))

    def _made(self, stored: Iterator[Row]) -> Iterator[JournalRow]:
        make = JournalRow._make
        try:
            for row in stored:
                yield make(row)
        except store.SQLITE_ERRORS as error:
            raise store.as_journal_error(error, self.path) from error

    def events(self, *, kind: str = RowKind.INPUT, after: int = 0) -> Iterator[tuple[int, Event]]:
        """Yield number and event of each row of a kind.

        Raises:
            JournalVersion: a row has a type that no event has.
            JournalCorrupt: a row does not describe an event.
        """
        for row in self.rows(after=after):
            if row.kind == kind and row.type != RUN_ENDED:
                yield row.seq, row.event()

    def size_bytes(self) -> int:
        """Return the journal's size on disk; 0 in memory."""
        if self.path is None:
            return 0
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if not self.is_foreign:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def refuse_blank(connection: sqlite3.Connection, path: Path) -> None:
    """Raise the error for a file that contains no run."""
    # Its session is creating it right now, or died while doing so.
    if store.is_blank(connection):
        raise RunNotFound(f"the run in {path.name} has not begun: open it again in a moment")
