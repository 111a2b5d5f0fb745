"""The parity of a whole run, from the parity of its segments.

The rule: a run is as good as its worst segment; the first difference ends the
comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rbtlive.research.explaining.pairs import Executed
from rbtlive.research.parity_parts import (
    Costs,
    Decisions,
    Difference,
    Executions,
    judged_executions,
)
from rbtlive.research.parity_report import ParityReport


class Judgement:
    """Collects the findings of all segments.

    Args:
        interventions: Operator and breaker events of the run, and corrections of its
            books.
        followed: The corrections, in words.
        elsewhere: The run's orders went to a real broker.
    """

    def __init__(
        self, interventions: int, *, followed: tuple[str, ...] = (), elsewhere: bool
    ) -> None:
        self._interventions = interventions
        self._followed = followed
        self._elsewhere = elsewhere
        self._missing: list[str] = []
        self._last: ParityReport | None = None
        self._orders = self._fills = self._tables = 0
        self._pairs: dict[str, tuple[Executed, Executed | None]] = {}

    def miss(self, sentence: str) -> None:
        """Note a fact that cannot be compared."""
        self._missing.append(sentence)

    def take(
        self, report: ParityReport, pairs: Sequence[tuple[Executed, Executed | None]] = ()
    ) -> None:
        """Add the findings of a segment.

        Args:
            report: Comparison of its orders, fills and books with the recomputed ones.
            pairs: Each order that was sent, and its result at the simulated venue; for
                a real broker.
        """
        self._last = report
        self._orders = max(self._orders, report.orders_compared)
        self._fills = max(self._fills, report.fills_compared)
        self._tables += report.tables_compared
        for pair in pairs:
            order = pair[0].order
            if order is not None:  # an order that a later segment took over is judged at its end
                self._pairs[order.id] = pair

    def report(self) -> ParityReport:
        """Return the parity report of the run."""
        last = self._last or ParityReport(
            identical=True, orders_compared=0, fills_compared=0, interventions=0
        )
        first, missing = last.first_difference, tuple(self._missing)
        report = replace(
            last,
            identical=first is None and not missing,
            orders_compared=self._orders,
            fills_compared=self._fills,
            tables_compared=self._tables,
            interventions=self._interventions,
            followed=self._followed,
            not_compared=missing,
            elsewhere=self._elsewhere,
        )
        return self._apart(report) if self._elsewhere else report

    # The replay gets the same inputs as the session, so any difference comes from the
    # strategy. Executions are compared with the simulated venue's.
    def _apart(self, report: ParityReport) -> ParityReport:
        first = report.first_difference
        decisions = Decisions(first is None, report.orders_compared, first)
        if first is not None:
            return replace(
                report,
                decisions=decisions,
                executions=Executions(identical=False, compared=0),
                costs=Costs(identical=False, compared=0),
            )
        executions, costs = judged_executions(list(self._pairs.values()))
        return replace(
            report,
            identical=report.identical and executions.identical,
            first_difference=executions.first_difference,
            decisions=decisions,
            executions=executions,
            costs=costs,
        )


def with_tail(
    report: ParityReport,
    *,
    orders: int,
    fills: int,
    asked: Difference | None,
    filled: Difference | None,
) -> ParityReport:
    """Return a report extended by the facts after the last closed session.

    Args:
        report: Report of the closed sessions, which are identical.
        orders: Number of further orders compared.
        fills: Number of further fills compared.
        asked: The first difference in orders and cancels.
        filled: The first difference in fills.
    """
    compared = report.orders_compared + orders
    executions = report.executions
    if filled is not None:
        executions = replace(executions, identical=False, differing=1, first_difference=filled)
    return replace(
        report,
        identical=asked is None and filled is None,
        orders_compared=compared,
        fills_compared=report.fills_compared + fills,
        first_difference=filled or asked,
        decisions=Decisions(asked is None, compared, asked),
        executions=executions,
    )
