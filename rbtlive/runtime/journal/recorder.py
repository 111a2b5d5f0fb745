"""The layer between core and journal: records a run's outputs, or compares them with
recorded ones.

The rule: recovering a run and running it are the same calls. While earlier rows remain,
each output is compared with its row; after that, outputs are appended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from json import loads
from typing import Any

from rbtlive.core.serialization import capture, order_facts, session_facts
from rbtlive.core.state.record import SessionRow
from rbtlive.core.trading_core import TradingCore
from rbtlive.errors import StrategyChanged
from rbtlive.model.commands import Command
from rbtlive.model.events import Event, OrderFillEvent
from rbtlive.runtime.journal.codec import canonical_json, encode_event
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.journal_reader import RUN_ENDED, JournalRow, RecordedRun, RowKind

SESSION_CLOSED = "SessionClosed"
"""Type of the derived row with a session's books and the core's state after it.
"""
SWAPPED = "Swapped"
"""Type of the state row that starts a segment: another strategy continues from its
state.
"""

STOPPED = "Stopped"
"""Type of the note with the core's state where a run was stopped, for code that cannot
replay it.
"""
PIPELINE_COMPUTED = "PipelineComputed"
"""Type of the note with a day's table of a pipeline.
"""
FAILED = "Failed"
"""Type of the note with the exception that ended a run, and the values its callbacks
had recorded.
"""


class Recorder:
    """Writes the rows of one run.

    Args:
        journal: The journal to write.
        after: The rows to replay come after this one: the start of the last segment.
    """

    def __init__(self, journal: Journal, *, after: int = 0) -> None:
        self.journal = journal
        self._rows: Iterator[JournalRow] | None = None
        self._next: JournalRow | None = None
        self._after = after
        self._tables: dict[tuple[str, str], Mapping[str, Any]] | None = None
        if journal.resumed:
            self._rows = journal.rows(after=after)
            self._step()

    @property
    def replaying(self) -> bool:
        """Whether earlier rows remain."""
        return self._rows is not None

    def inputs(self) -> Iterator[tuple[int, Event]]:
        """Yield number and event of each earlier input row; its outputs must be
        produced before the next is requested.

        Raises:
            StrategyChanged: the replay leaves out a recorded output.
        """
        while self._next is not None:
            row = self._next
            if row.kind != RowKind.INPUT:
                raise _diverged(row, made=None)
            self._step()
            yield row.seq, row.event()
        self._rows = None

    def finish_replay(self) -> None:
        """End the replay: later outputs are new."""
        if self._next is not None:
            raise _diverged(self._next, made=None)
        self._rows = self._tables = None

    def derived_fill(self, event: OrderFillEvent) -> None:
        """Record, or compare, a fill of the simulated venue."""
        self._output(RowKind.DERIVED, event.event_type, event.timestamp, encode_event(event))

    def session_closed(self, core: TradingCore, row: SessionRow) -> None:
        """Record, or compare, a session's books and the core's state after it."""
        self.closed_session(row, closing_text(core, row))

    def closed_session(self, row: SessionRow, text: str) -> None:
        """Record, or compare, a session's close, given the `closing_text` from when it
        happened.
        """
        self._output(RowKind.DERIVED, SESSION_CLOSED, row.close, text)

    def intents(self, core: TradingCore, commands: list[Command]) -> None:
        """Record, or compare, the strategy's commands to a venue."""
        when = moment_of(core)
        for command in commands:
            self._output(RowKind.INTENT, type(command).__name__, when, canonical_json(command))

    def pipeline_computed(self, core: TradingCore, name: str, label: date, facts: object) -> None:
        """Record a day's table of a pipeline."""
        payload = {"name": name, "session": label, "table": facts}
        self.note(PIPELINE_COMPUTED, moment_of(core), payload)

    def pipeline_table(self, name: str, label: date) -> Mapping[str, Any] | None:
        """Return the recorded table of a pipeline in a replayed session, if known."""
        if not self.replaying:
            return None
        if self._tables is None:
            self._tables = {
                (facts["name"], facts["session"]): facts["table"]
                for facts in pipeline_tables(self.journal, after=self._after)
            }
        return self._tables.get((name, label.isoformat()))

    def note(self, type_name: str, timestamp: datetime, payload: object) -> None:
        """Record a note for people; replays skip it."""
        self.journal.append(RowKind.NOTE, type_name, timestamp=timestamp, payload=payload)

    def _output(self, kind: RowKind, type_name: str, timestamp: datetime, payload: str) -> None:
        row = self._next
        if row is None:
            self._append(kind, type_name, timestamp, payload)
            return
        made = f"{type_name} {payload}"
        if (
            row.kind != kind
            or row.type != type_name
            or row.timestamp != timestamp
            or row.payload != payload
        ):
            raise _diverged(row, made=made)
        self._step()

    def _append(self, kind: RowKind, type_name: str, timestamp: datetime, payload: str) -> None:
        self.journal.append_text(kind, type_name, timestamp=timestamp, payload=payload)

    def _step(self) -> None:
        assert self._rows is not None
        row = next(self._rows, None)
        while row is not None and (row.kind == RowKind.NOTE or row.type == RUN_ENDED):
            row = next(self._rows, None)
        self._next = row


def pipeline_tables(run: RecordedRun, *, after: int) -> Iterator[Mapping[str, Any]]:
    """Yield the tables of pipelines recorded after a row: `name`, `session` and
    `table`.
    """
    for row in run.rows_of_kind(RowKind.NOTE):
        if row.type == PIPELINE_COMPUTED and row.seq > after:
            yield row.data()


def closing_text(core: TradingCore, row: SessionRow) -> str:
    """Return a session's books and the core's state after it as canonical JSON; call it
    when the session closes.
    """
    facts: dict[str, Any] = {
        "row": session_facts(row, core.state.record.transactions),
        "state": capture(core.state, since_last=True),
    }
    denied = core.state.orders.denied_since_last()
    if denied:
        facts["denied"] = [order_facts(order) for order in denied]
    return canonical_json(facts)


def moment_of(core: TradingCore) -> datetime:
    """Return the time of a core's current step; before the first, the open of its
    session.
    """
    return (
        core.state.now
        if core.state.market.now_us
        else core.state.calendar.open(core.state.market.session)
    )


def _diverged(row: JournalRow, *, made: str | None) -> StrategyChanged:
    was, now = f"{row.type} {row.payload}", made or "nothing"
    type_name, _space, payload = now.partition(" ")
    if type_name == row.type and payload != row.payload:
        where, old, new = _first_difference(loads(row.payload), loads(payload))
        was, now = f"{row.type} with {where} {canonical_json(old)}", canonical_json(new)
    return StrategyChanged(
        f"replaying the journal gives something else at row {row.seq} ({row.ts}): was {was:.300}, "
        "is "
        f"{now:.300}; the strategy depends on more than its bars (time, random numbers, files, "
        "other values in further columns of the data), or was edited; attach the code "
        "it was begun with, or attach with on_divergence='positions' to go on from its positions, "
        "or with fresh=True"
    )


# The first difference between two facts: its path, and both values.
def _first_difference(was: object, made: object, path: str = "") -> tuple[str, Any, Any]:
    if isinstance(was, dict) and isinstance(made, dict):
        for key in sorted({*was, *made}):
            if was.get(key) != made.get(key):
                return _first_difference(was.get(key), made.get(key), f"{path}.{key}".lstrip("."))
    if isinstance(was, list) and isinstance(made, list) and len(was) == len(made):
        for number, (one, other) in enumerate(zip(was, made, strict=True)):
            if one != other:
                return _first_difference(one, other, f"{path}[{number}]")
    return path or "everything", was, made
