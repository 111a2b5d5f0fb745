"""The journal: every fact of a run in order, written before anyone acts on it.

The rule: the journal contains a prefix of what happened. After the first failed write
it accepts nothing more, so that nothing can happen that it does not record.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from os import getpid
from pathlib import Path
from typing import Any, NoReturn

from rbtlive.errors import JournalUnwritable
from rbtlive.model.bar import PlainRow
from rbtlive.model.events import Event, MarketDataEvent
from rbtlive.model.slice_columns import SliceColumns
from rbtlive.runtime.clock import Clock, SystemClock
from rbtlive.runtime.journal import store
from rbtlive.runtime.journal.blocks import (
    FLOOD_BYTES,
    PACKED_AT_BYTES,
    RowReader,
    pack_new,
    pack_oldest,
)
from rbtlive.runtime.journal.chain import Chain
from rbtlive.runtime.journal.codec import (
    canonical_json,
    columns_text,
    datetime_text,
    encode_event,
    plain_row,
    plain_texts,
)
from rbtlive.runtime.journal.custody import Custody
from rbtlive.runtime.journal.forked_sqlite import OPEN
from rbtlive.runtime.journal.journal_reader import RUN_ENDED, JournalRow, RecordedRun, RowKind
from rbtlive.runtime.journal.lock import SessionLock
from rbtlive.runtime.journal.packing import Row
from rbtlive.runtime.journal.state_folder import new_run_id
from rbtlive.runtime.journal.unpacked_rows import UnpackedRows

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_MOST_WORDS = 4096
_MOST_BUFFERED = 4096
_INPUT = "input"  # RowKind.INPUT, as a plain string
_SLICE = MarketDataEvent.__name__
_WaitingSlice = tuple[int, datetime, PlainRow, int]
"""seq, END of the slice, its bar, wall_us."""


class Journal(RecordedRun):
    """The journal of a current run. Create it with `open_journal` or
    `Journal.in_memory`.

    Rows wait in memory until `commit`, which is called at the end of each turn of the
    loop; `commit(durable=True)` is called before anything is sent to a venue.

    Attributes:
        resumed: Whether the run existed already.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        path: Path | None,
        header: dict[str, Any],
        seed: bytes,
        chain: Chain,
        clock: Clock,
        lock: SessionLock | None = None,
    ) -> None:
        self.path = path
        self.header = header
        self.resumed = False
        self.cut = None
        self._connection = connection
        self._chain = chain
        self._seed = seed
        self._stored = RowReader(connection, path=path, seed=seed)
        self._now_us = clock.now_us
        self._lock = lock
        self._buffer: list[Row] = []
        self._slices: list[_WaitingSlice] = []  # rows that are not in the buffer yet
        self._unwritten: dict[int, SliceColumns] = {}  # the sources of buffered rows
        self._last_seq = self._durable_seq = chain.seq
        self._level = ""
        self._failure: str | None = None
        self._committing = False
        self._closed = False
        self._words: dict[str, str] = {}
        self._unpacked = UnpackedRows()
        self._over = super().ended
        self._custody = None if path is None else Custody(path, lock)
        self._pid = getpid()
        OPEN.add(self)

    @classmethod
    def in_memory(
        cls,
        header: Mapping[str, object] | None = None,
        *,
        run_id: str | None = None,
        clock: Clock | None = None,
    ) -> Journal:
        """Return a journal that exists only in this process, for experiments and
        tests.
        """
        connection = store.connect(None)
        return new_journal(
            connection,
            path=None,
            header={"run_id": run_id or new_run_id(), **(header or {})},
            clock=clock,
        )

    @property
    def ended(self) -> bool:
        """Whether the run has ended, so that the next attach starts another."""
        return self._over

    def append_event(self, event: Event, *, kind: str = _INPUT) -> int:
        """Append an event and return its row's number."""
        if type(event) is not MarketDataEvent:
            return self._append(kind, event.event_type, event.timestamp, encode_event(event))
        facts = event.__dict__
        if "_columns" in facts:
            self._unwritten[self._last_seq + 1] = facts["_columns"]
            return self._append(kind, _SLICE, event.timestamp, "")
        bar = plain_row(event)
        if (
            bar is None
            or kind is not _INPUT
            or self._over
            or self._closed
            or self._failure is not None
        ):
            return self._append(kind, _SLICE, event.timestamp, encode_event(event))
        slices, seq = self._slices, self._last_seq + 1
        slices.append((seq, facts["timestamp"], bar, self._now_us()))
        self._last_seq = seq
        if len(slices) >= _MOST_BUFFERED:
            self.commit()
        return seq

    def append(self, kind: str, type_name: str, *, timestamp: datetime, payload: object) -> int:
        """Append a fact and return its row's number.

        Args:
            kind: A RowKind.
            type_name: The type of the fact: letters, digits and `_`, at most 64.
            timestamp: Event time, aware.
            payload: Any value that has a canonical JSON: mappings, lists, strings,
                numbers, dates, models, dataclasses.

        Raises:
            JournalUnwritable: the journal failed earlier, or is closed, or its run has
                ended.
            TypeError: the payload has no canonical form.
            ValueError: a name has other characters, or the timestamp is naive.
        """
        return self._append(kind, type_name, timestamp, canonical_json(payload))

    def append_text(self, kind: str, type_name: str, *, timestamp: datetime, payload: str) -> int:
        """Append a fact whose payload is already canonical JSON, and return its row's
        number.
        """
        return self._append(kind, type_name, timestamp, payload)

    def end(self, *, timestamp: datetime, reason: str) -> None:
        """Mark the run as ended, durably; nothing can be written after it."""
        self.append(RowKind.NOTE, RUN_ENDED, timestamp=timestamp, payload={"reason": reason})
        self._over = True
        self.commit(durable=True)

    def commit(self, durable: bool = False) -> None:
        """Pass the appended rows to the operating system.

        Args:
            durable: Whether to wait until they are on disk, so that they survive a
                power loss. Other commits survive only the death of the process.

        Raises:
            JournalUnwritable: the file cannot be written: disk full, read-only, locked.
                Nothing is accepted from then on.
        """
        self._check()
        self._refuse_lost_files()
        waits = self._buffer or self._slices
        if not waits and not (durable and self._durable_seq < self._chain.seq):
            return
        try:
            if self._committing:
                self._tidy_after_interrupt()
            self._committing = True
            self._write_out()
            self._refuse_half_a_row()
            (rows, chain), packed = self._chain.seal(self._buffer), 0
            level = "FULL" if durable else "NORMAL"
            if level != self._level:
                self._connection.execute(f"PRAGMA synchronous = {level}")
                self._level = level
            self._connection.execute("BEGIN IMMEDIATE")
            if rows:
                # A durable commit is not delayed by packing.
                new_bytes = chain.waiting_bytes - self._chain.waiting_bytes
                if not durable and new_bytes >= FLOOD_BYTES:
                    rows, packed = pack_new(
                        self._connection, rows, seed=self._seed, kept=self._unpacked
                    )
                    chain.waiting_bytes -= packed
                self._connection.executemany(store.INSERT_ROW, rows)
            else:  # a write of its own makes SQLite sync the earlier, unsynced rows
                self._connection.execute(store.INSERT_TOUCH, (self._chain.seq,))
            self._connection.execute("COMMIT")
        except (*store.SQLITE_ERRORS, JournalUnwritable) as error:
            self._fail(error)
        # No call between these, so that no interrupt can come between them either.
        self._chain, self._buffer, self._committing = chain, [], False
        if durable:
            self._durable_seq = self._chain.seq
        if rows:
            if packed:
                self._unpacked.drop_through(rows[0][0] - 1)
            self._unpacked.extend(rows)
        self._note_commit(durable=durable)

    def pack(self) -> bool:
        """Pack the oldest rows if enough wait, and say whether any were packed: this
        keeps the file small. Call it when the loop is about to rest, after a commit.

        Raises:
            JournalUnwritable: the file cannot be written, as in `commit`.
        """
        if self._chain.waiting_bytes < PACKED_AT_BYTES or self._committing or self._closed:
            return False
        self._check()
        self._committing = True
        try:
            size = pack_oldest(self._connection, seed=self._seed, kept=self._unpacked)
        except store.SQLITE_ERRORS as error:
            self._fail(error)
        self._chain.waiting_bytes = self._chain.waiting_bytes - size if size else 0
        self._committing = False
        return size > 0

    def _note_commit(self, *, durable: bool) -> None:
        if durable:
            self._refuse_lost_files()
        if self._lock is not None:
            try:
                self._lock.mark(self.run_id, self._chain.seq)
            except JournalUnwritable as error:
                self._fail(error)

    def rows(self, *, after: int = 0) -> Iterator[JournalRow]:
        """Yield the rows after a number in order, including uncommitted ones."""
        self._write_out()
        waiting = list(self._buffer)
        for row in super().rows(after=after):
            yield row
            after = row.seq
        yield from (JournalRow(*row) for row in waiting if row[0] > after)

    def rows_of_kind(self, kind: str) -> Iterator[JournalRow]:
        """Yield the rows of one kind in order, including uncommitted ones."""
        after = 0
        for row in super().rows_of_kind(kind):
            yield row
            after = row.seq
        yield from (row for row in self.rows(after=max(after, self._chain.seq)) if row.kind == kind)

    @property
    def failure(self) -> str | None:
        """The reason why writing has failed for good; None if the journal is fine."""
        return self._failure

    def close(self) -> None:
        """Commit durably, close the file and release the session's lock; a second call
        does nothing.

        Raises:
            JournalUnwritable: the last rows cannot be written; the lock is released all
                the same.
        """
        if self._closed or self.is_foreign:
            return
        try:
            if self._failure is None:
                self.commit(durable=True)
        finally:
            self._closed = True
            self._connection.close()
            if self._lock is not None:
                self._lock.release()

    def discard(self) -> None:
        """Remove a journal that contains only its header, and release the session's
        lock: no run began.

        Raises:
            JournalUnwritable: it contains rows.
        """
        if self.last_seq:
            raise JournalUnwritable(
                f"a journal is removed only while it is empty: this one holds {self.last_seq} rows"
            )
        if self._closed:
            return
        self._closed = True
        self._connection.close()
        try:
            if self.path is not None:
                self.path.unlink(missing_ok=True)
        finally:
            if self._lock is not None:
                self._lock.release()

    def _append(self, kind: str, type_name: str, timestamp: datetime, payload: str) -> int:
        if self._failure is not None or self._closed:
            self._check()
        known = self._words.get
        kind, type_name = (
            known(kind) or self._learn(kind),
            known(type_name) or self._learn(type_name),
        )
        if self._over:
            raise JournalUnwritable(
                f"run {self.run_id} has ended: {type_name} cannot be written; start a new run"
            )
        buffer, seq = self._buffer, self._last_seq + 1
        buffer.append((seq, kind, type_name, datetime_text(timestamp), payload, self._now_us()))
        self._last_seq = seq
        if len(buffer) >= _MOST_BUFFERED:
            self.commit()
        return seq

    # Slices become text only at the commit, together: until then nothing is on disk and
    # nothing is sent.
    def _write_out(self) -> None:
        slices = self._slices
        if slices:
            texts = plain_texts([bar for _, _, bar, _ in slices])
            rows: list[Row] = [
                (seq, _INPUT, _SLICE, datetime_text(moment), text, wall_us)
                for (seq, moment, _, wall_us), text in zip(slices, texts, strict=True)
            ]
            if self._buffer:
                rows = sorted([*self._buffer, *rows])
            self._unpacked.floats.update(
                {seq: ((symbol,), (floats,)) for seq, _, (symbol, floats), _ in slices}
            )
            self._buffer, self._slices = rows, []
        unwritten = self._unwritten
        if not unwritten:
            return
        self._buffer = [
            row if row[0] not in unwritten else (*row[:4], columns_text(unwritten[row[0]]), row[5])
            for row in self._buffer
        ]
        for seq, columns in unwritten.items():
            self._unpacked.note_columns(seq, columns)
        self._unwritten = {}

    # Returns a plain string, even for a member of an enumeration: SQLite takes three
    # times as long to bind others.
    def _learn(self, word: str) -> str:
        if not isinstance(word, str) or _WORD.fullmatch(word) is None:
            raise ValueError(
                f"kind and type of a row are made of letters, digits and '_': was {word!r:.80}"
            )
        if len(self._words) < _MOST_WORDS:
            self._words[word] = str(word)
        return str(word)

    def _check(self) -> None:
        if self.is_foreign:
            raise JournalUnwritable(
                f"the journal belongs to process {self._pid}: a forked child cannot write it"
            )
        if self._failure is not None:
            raise JournalUnwritable(
                f"the journal has failed before and takes nothing more: {self._failure}"
            )
        if self._closed:
            raise JournalUnwritable(
                "the journal is closed and takes nothing more; attach again to go on"
            )

    def _refuse_lost_files(self) -> None:
        breach = None if self._custody is None else self._custody.breach()
        if breach is not None:
            self._fail(
                JournalUnwritable(
                    f"the journal's files are not what they were: {breach}; nothing is traded "
                    "that could not be found again: put the files back, or attach with fresh=True"
                )
            )

    def _refuse_half_a_row(self) -> None:
        if len(self._buffer) != self._last_seq - self._chain.seq:
            raise JournalUnwritable(
                "an interrupt came while a row was written; attach again to go on"
            )

    def _tidy_after_interrupt(self) -> None:
        # KeyboardInterrupt may have stopped commit anywhere: the file's contents decide
        # what still has to be written.
        if self._connection.in_transaction:
            self._connection.rollback()
        self._write_out()
        (stored,) = self._connection.execute("SELECT coalesce(max(seq), 0) FROM rows").fetchone()
        written = [row for row in self._buffer if row[0] <= stored]
        self._unpacked.forget()
        chain = self._chain.seal(written)[1]
        self._chain, self._buffer = chain, self._buffer[len(written) :]

    def _fail(self, error: Exception) -> NoReturn:
        failure = (
            error
            if isinstance(error, JournalUnwritable)
            else store.as_journal_error(error, self.path)
        )
        self._failure = str(failure)
        if self._connection.in_transaction:
            try:
                self._connection.rollback()
            except store.SQLITE_ERRORS as second:
                failure.add_note(f"and the open transaction could not be rolled back: {second}")
        raise failure from error


def new_journal(
    connection: sqlite3.Connection,
    *,
    path: Path | None,
    header: Mapping[str, object],
    clock: Clock | None,
    lock: SessionLock | None = None,
) -> Journal:
    """Start the journal of a new run on an open connection."""
    try:
        store.write_header(connection, header)
        written, seed = store.read_header(connection, path)
    except store.SQLITE_ERRORS as error:
        connection.close()
        raise store.as_journal_error(error, path) from error
    except BaseException:
        connection.close()
        raise
    return Journal(
        connection,
        path=path,
        header=written,
        seed=seed,
        chain=Chain(seed),
        clock=clock or SystemClock(),
        lock=lock,
    )
