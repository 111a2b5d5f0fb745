"""What outlives a process: its journal, exactly as far as it was committed when the
process died.

The rule: nothing a dead process still does reaches the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rbtlive.model.events import Event
from rbtlive.runtime.clock import Clock
from rbtlive.runtime.journal import store
from rbtlive.runtime.journal.chain import follow
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.journal_reader import RowKind
from rbtlive.runtime.journal.opening import open_journal
from rbtlive.runtime.journal.recorder import SESSION_CLOSED
from rbtlive.runtime.journal.state_folder import StateFolder

NAME = "simulated"
RUN_ID = "SIMULATE"
_TORN_ROWS = 5


class Killed(BaseException):
    """The process is dead; whatever runs still unwinds, and nobody sees it."""


class WatchedJournal(Journal):
    """A journal that says how far it has come, at every step where a process may die.

    Attributes:
        last_input: The event that was written down last.
        intents: Row of each submission, by order number.
    """

    def __init__(self, journal: Journal, *, reached: Callable[[str], None], disk: Disk) -> None:
        self.__dict__.update(journal.__dict__)
        self.last_input: Event | None = None
        self.intents: dict[str, int] = {
            row.data()["order_id"]: row.seq for row in journal.rows() if row.type == "SubmitOrder"
        }
        self._reached = reached
        self._disk = disk
        self.dead = False

    @property
    def durable_seq(self) -> int:
        """Number of the last row that survives the loss of power."""
        return self._durable_seq

    def append_event(self, event: Event, *, kind: str = RowKind.INPUT) -> int:
        """Write an event down."""
        seq = super().append_event(event, kind=kind)
        self.last_input = event
        return seq

    def _append(self, kind: str, type_name: str, timestamp: Any, payload: str) -> int:
        self._step("in snapshot" if type_name == SESSION_CLOSED else "before append")
        if kind == RowKind.INTENT:
            self._step("before intent")
        seq = super()._append(kind, type_name, timestamp, payload)
        if type_name == "SubmitOrder":
            self.intents[_order_id(payload)] = seq
        self._step("after append")
        return seq

    def commit(self, durable: bool = False) -> None:
        """Write to the disk what was appended."""
        self._step("before commit")
        super().commit(durable)
        self._step("after commit")

    def _step(self, point: str) -> None:
        if self.dead:
            raise Killed
        self._reached(point)

    def die(self, *, how: str) -> None:
        """Leave on the disk what was committed; only what was synced if the power went;
        less if the end is torn off.
        """
        self.dead = True
        kept = {"power": self.durable_seq, "tear": max(0, self.durable_seq - _TORN_ROWS)}
        self._disk.keep(self, after=kept.get(how))

    def discard(self) -> None:
        """Leave nothing behind, unless the process is dead: then the disk has it
        already.
        """
        if not self.dead:
            self.dead = True
            super().discard()

    def close(self) -> None:
        """Close it in good order."""
        if self.dead or self._closed:
            return
        self.commit(durable=True)
        self.dead = self._closed = True
        self._disk.keep(self, after=None)


class Disk:
    """A disk in memory; given a folder, a real one.

    Args:
        folder: Where the journal's file goes, or None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = None if folder is None else StateFolder(folder)
        self._image: bytes | None = None

    def open(
        self,
        header: Callable[[], Mapping[str, object]],
        *,
        clock: Clock,
        reached: Callable[[str], None],
    ) -> WatchedJournal:
        """Open the journal, as a process does that begins."""
        if self._folder is not None:
            journal = open_journal(self._folder, NAME, header=header, run_id=RUN_ID, clock=clock)
        elif self._image is None:
            journal = Journal.in_memory({**header(), "name": NAME}, run_id=RUN_ID, clock=clock)
        else:
            journal = self._resumed(clock)
        return WatchedJournal(journal, reached=reached, disk=self)

    def _resumed(self, clock: Clock) -> Journal:
        assert self._image is not None
        connection = store.connect(None)
        connection.deserialize(self._image)
        header, seed = store.read_header(connection, None)
        chain, cut = follow(connection, path=None, seed=seed)
        journal = Journal(connection, path=None, header=header, seed=seed, chain=chain, clock=clock)
        journal.resumed, journal.cut = True, cut
        return journal

    def keep(self, journal: WatchedJournal, *, after: int | None) -> None:
        """Take the journal from a process that is over; rows after `after` never
        reached the disk.
        """
        connection: sqlite3.Connection = journal._connection
        if after is not None:
            connection.execute("DELETE FROM rows WHERE seq > ?", (after,))
        if self._folder is None:
            self._image = connection.serialize()
        connection.close()
        if journal._lock is not None:
            journal._lock.release()


def _order_id(payload: str) -> str:
    return payload.partition('"order_id":"')[2].partition('"')[0]
