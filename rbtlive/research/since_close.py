"""Compare a run's orders and cancels after its last closed session with those that its
strategy gives again.

The rule: closed sessions are compared by their books; later orders and cancels are
compared one by one with the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from json import loads
from typing import Any

from rbtlive.core.trading_core import TradingCore
from rbtlive.model.commands import Command, SubmitOrder
from rbtlive.research.parity_parts import Difference
from rbtlive.runtime.journal.codec import canonical_json
from rbtlive.runtime.journal.journal_reader import JournalRow, RowKind
from rbtlive.runtime.journal.recorder import moment_of


@dataclass(frozen=True, slots=True)
class Asked:
    """An order or a cancel of a strategy.

    Attributes:
        time: Event time, UTC.
        kind: Name of the command's class.
        facts: Its fields.
        sequence: Its row in the journal; None if it comes from the replay.
    """

    time: datetime
    kind: str
    facts: dict[str, Any]
    sequence: int | None = None

    @property
    def is_order(self) -> bool:
        """Whether it is an order."""
        return self.kind == SubmitOrder.__name__

    @property
    def name(self) -> str:
        """The order that it concerns."""
        return f"{'order' if self.is_order else 'cancel of order'} {self.facts['order_id']}"

    @property
    def dated(self) -> str:
        """The order that it concerns, and the time of the request."""
        return f"{self.name} at {self.time.isoformat()}"

    def __str__(self) -> str:
        return ", ".join(
            f"{name} {value}"
            for name, value in self.facts.items()
            if name != "order_id" and value is not None
        )


def asked_of(core: TradingCore, commands: Sequence[Command]) -> list[Asked]:
    """Return the orders and cancels of a core's current step."""
    when = moment_of(core)
    return [Asked(when, type(c).__name__, loads(canonical_json(c))) for c in commands]


def asked_in(rows: Sequence[JournalRow]) -> list[Asked]:
    """Return the orders and cancels in rows of a journal."""
    return [
        Asked(row.timestamp, row.type, row.data(), row.seq)
        for row in rows
        if row.kind == RowKind.INTENT
    ]


def first_asked_apart(
    session: Sequence[Asked], again: Sequence[Asked], *, upto: datetime | None
) -> Difference | None:
    """Return the first difference.

    Args:
        session: The session's orders and cancels.
        again: Those of the replayed strategy.
        upto: Time of the session's last event: a session that was killed may not have
            written its last requests at that time.
    """
    for ours, theirs in zip_longest(session, again):
        if ours is None:
            if upto is not None and theirs.time >= upto:
                return None
            return Difference(None, theirs.time, theirs.name, "nothing", str(theirs))
        if theirs is None:
            return Difference(ours.sequence, ours.time, ours.name, str(ours), "nothing")
        if (ours.kind, ours.time) != (theirs.kind, theirs.time):
            return Difference(ours.sequence, ours.time, ours.name, ours.dated, theirs.dated)
        for field in {**ours.facts, **theirs.facts}:
            left, right = ours.facts.get(field), theirs.facts.get(field)
            if left != right:
                name = f"{ours.name}: {field}"
                return Difference(ours.sequence, ours.time, name, left, right)
    return None
