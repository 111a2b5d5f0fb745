"""Edited code takes over where a session stands.

The rule: the new code's `initialize` runs before anything of the session is touched. If
it fails, all is as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from json import loads
from typing import Any

from rbtlive.core.state.record import SessionRow
from rbtlive.core.trading_core import TradingCore
from rbtlive.model.commands import Command
from rbtlive.runtime.engine.containment import contained
from rbtlive.runtime.journal.codec import canonical_json
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.recorder import closing_text
from rbtlive.runtime.recorded.recorded_run import Facts, carry_on


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedSegment:
    """A segment that has begun, and is not written down yet.

    Attributes:
        core: Its core, in the session's state; `initialize` has run.
        commands: What `initialize` asked for.
        closed: Sessions that were over and are closed by it: their rows, and what the
            journal says of them.
        messages: What it had to say: level and text.
        state: The session's state, as facts.
        last_slice: END of the last slice that session saw, None if it saw none.
        change: What is other than it was, as a sentence's end.
    """

    core: TradingCore
    commands: list[Command]
    closed: list[tuple[SessionRow, str]]
    messages: list[tuple[str, str]]
    state: Mapping[str, Any]
    last_slice: datetime | None
    change: str


def begin(
    journal: Journal,
    session_state: Mapping[str, Any],
    new_core: Callable[[], TradingCore],
    *,
    change: str,
) -> StartedSegment:
    """Begin a segment where a session stands, without writing anything.

    Args:
        journal: The session's.
        session_state: Its state, as facts.
        new_core: Makes a core with the edited code.
        change: What is other than it was.

    Raises:
        Exception: what `initialize` raised.
    """
    state: dict[str, Any] = loads(canonical_json(session_state))  # as a recovery will read it
    core = new_core()
    messages: list[tuple[str, str]] = [("info", f"the run goes on with a change: {change}")]
    closed: list[tuple[SessionRow, str]] = []
    core.state.on_session_closed = lambda row: closed.append((row, closing_text(core, row)))
    core.state.on_message = lambda level, text: messages.append((level, text))
    facts = Facts(journal, {asset.symbol: asset for asset in core.state.assets})
    carry_on(core, facts, state)
    with contained("initialize"):
        commands = core.start()
    return StartedSegment(
        core=core,
        commands=commands,
        closed=closed,
        messages=messages,
        state=state,
        last_slice=facts.slices[-1].timestamp if facts.slices else None,
        change=change,
    )
