"""What a strategy would have done in a recorded run: its callbacks over the journal's
inputs, writing nothing.

The rule: a rehearsal reads the journal, and leaves it as it was.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from datetime import datetime

from rbtlive.core.trading_core import TradingCore
from rbtlive.errors import StrategyChanged
from rbtlive.model.commands import Command
from rbtlive.model.events import OrderFillEvent
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.journal_reader import RowKind
from rbtlive.runtime.journal.recorder import Recorder
from rbtlive.runtime.recorded.recorded_run import Facts, Segment, carry_on


class _Reader(Recorder):
    # What comes after the last row is new, and no business of a rehearsal.
    def _append(self, kind: RowKind, type_name: str, timestamp: datetime, payload: str) -> None:
        pass


def first_divergence(
    journal: Journal, segment: Segment, new_core: Callable[[], TradingCore]
) -> str | None:
    """Return where a strategy goes another way than a run's last segment did, or None
    if it nowhere does.

    Args:
        journal: The run's, resumed.
        segment: Its last one.
        new_core: Makes a core with the strategy.
    """
    core = new_core()
    recorder = _Reader(journal, after=segment.after)

    def emit(event: OrderFillEvent) -> None:
        recorder.derived_fill(event)
        core.process(event)

    def hand_over(commands: list[Command]) -> None:
        recorder.intents(core, commands)
        if core.state.venue.cancels_at_once:
            core.acknowledge(commands)

    core.state.emit = emit
    core.state.on_session_closed = lambda row: recorder.session_closed(core, row)
    core.state.on_message = lambda _level, _text: None
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            if segment.state is not None:
                facts = Facts(
                    journal,
                    {asset.symbol: asset for asset in core.state.assets},
                    upto=segment.after,
                )
                carry_on(core, facts, segment.state)
            hand_over(core.start())
            for _seq, event in recorder.inputs():
                hand_over(core.process(event))
            recorder.finish_replay()
    except StrategyChanged as divergence:
        return str(divergence).partition("; ")[0]
    except Exception as failure:  # noqa: BLE001 - around a user's callbacks
        return f"it fails with {type(failure).__name__}: {failure!s:.200}"
    return None
