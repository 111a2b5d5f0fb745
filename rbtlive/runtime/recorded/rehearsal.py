"""Run a strategy's callbacks over a recorded run's inputs to see what it would have
done, without writing anything.

The rule: a rehearsal reads the journal and does not change it.
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
    # Outputs after the last row are new and do not matter to a rehearsal.
    def _append(self, kind: RowKind, type_name: str, timestamp: datetime, payload: str) -> None:
        pass


def first_divergence(
    journal: Journal, segment: Segment, new_core: Callable[[], TradingCore]
) -> str | None:
    """Return where a strategy diverges from a run's last segment, or None if it does
    not.

    Args:
        journal: The run's journal, resumed.
        segment: The run's last segment.
        new_core: Creates a core with the strategy.
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
