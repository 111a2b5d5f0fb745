"""Let edited code take over a running session in its current state.

The rule: the new code's `initialize` runs before the session is changed. If it fails,
nothing has changed.
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
    """A segment that has started but is not journaled yet.

    Attributes:
        core: Its core, in the session's state, after `initialize`.
        commands: The commands of `initialize`.
        closed: Sessions that had ended and are closed by the segment: their rows, and
            their journal texts.
        messages: Its messages: level and text.
        state: The session's state, as facts.
        last_slice: END of the session's last slice, None before the first.
        change: The differences to the earlier code, as the end of a sentence.
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
    """Start a segment in a session's state, without journaling anything.

    Args:
        journal: The session's journal.
        session_state: The session's state, as facts.
        new_core: Creates a core with the edited code.
        change: The differences to the earlier code.

    Raises:
        Exception: whatever `initialize` raised.
    """
    state: dict[str, Any] = loads(
        canonical_json(session_state)
    )  # in the form that a recovery will read
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
