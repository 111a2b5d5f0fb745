"""Compare the pipeline tables of a session with those of its backtest.

The rule: a table is compared bit for bit, and the first asset and column that differ
are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rbtlive.core.trading_core import TradingCore
from rbtlive.research.parity_parts import Difference
from rbtlive.research.parity_report import ParityReport
from rbtlive.runtime.journal.journal_reader import RecordedRun
from rbtlive.runtime.journal.recorder import pipeline_tables


class TableCheck:
    """Compares each table when the backtest computes it.

    Args:
        run: The session's journal.
        after: Row before the first one to compare.

    Attributes:
        compared: Number of tables compared.
        first: The first difference, or None.
    """

    def __init__(self, run: RecordedRun, *, after: int) -> None:
        self.compared = 0
        self.first: Difference | None = None
        self._known = {
            (one["name"], one["session"]): one["table"] for one in pipeline_tables(run, after=after)
        }

    def watch(self, core: TradingCore) -> None:
        """Compare the tables that a core computes from now on."""
        state = core.state

        def take(name: str, session: int, facts: Mapping[str, Any]) -> None:
            label = state.calendar.label(session).isoformat()
            known = self._known.get((name, label))
            if known is None:
                return
            from rbtlive.pipeline.kept import first_apart

            self.compared += 1
            apart = None if self.first is not None or known == facts else first_apart(known, facts)
            if apart is not None:
                self.first = Difference(
                    None,
                    state.now if state.market.now_us else state.calendar.open(session),
                    f"pipeline {name!r} of {label}: {apart.column} of {apart.symbol}",
                    apart.left,
                    apart.right,
                )

        state.pipelines.on_table = take

    def judged(self, report: ParityReport) -> ParityReport:
        """Return a report that includes this comparison; the earlier difference
        counts.
        """
        report = replace(report, tables_compared=self.compared)
        first = report.first_difference
        if self.first is None or (first is not None and first.time < self.first.time):
            return report
        return replace(report, identical=False, first_difference=self.first)
