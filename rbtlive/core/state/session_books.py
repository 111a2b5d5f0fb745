"""Figures taken at a session's start, from which its row is computed.

The rule: None means that a value is derived from the previous row when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from rbtlive.core.state.book_adjustments import adjustment_facts, adjustment_of
from rbtlive.core.state.record import RunRecord, SessionRows
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, plain_text

# State is captured and restored between events too, in any decimal context.
_add, _subtract = ENGINE_CONTEXT.add, ENGINE_CONTEXT.subtract


class SessionBooks:
    """A session's starting figures.

    Args:
        record: The run's record so far; its rows are those of finished sessions.
        capital_base: Cash at the run's start.

    Attributes:
        starting_cash: Cash after the dividends paid at the session's start.
        starting_base: Capital base at its start.
        starting_value: Positions at its start; None if they are those of the close
            before, at its prices.
        previous_cash_flow: Cash flow of the run up to the close before.
        previous_return: Return of the run up to the close before; None if it is that of
            the last row.
        first_transaction: Index of the session's first transaction.
        reported_transactions: How many transactions the rows hold so far.
        first_adjustment: Index of the session's first adjustment.
        reported_adjustments: How many adjustments the rows hold so far.
        rows_before: How many rows there were at the session's start.
        closed_version: The portfolio's version at the last close.
        closed_marks: The marks' version at the last close; -1 if that close keeps sums
            instead of its positions' prices.
    """

    __slots__ = (
        "_record",
        "closed_marks",
        "closed_version",
        "first_adjustment",
        "first_transaction",
        "previous_cash_flow",
        "previous_return",
        "reported_adjustments",
        "reported_transactions",
        "rows",
        "rows_before",
        "starting_base",
        "starting_cash",
        "starting_value",
    )

    def __init__(self, record: RunRecord, rows: SessionRows, capital_base: Decimal) -> None:
        self._record = record
        self.rows = rows
        self.starting_cash = self.starting_base = capital_base
        self.starting_value: Decimal | None = ZERO
        self.previous_cash_flow = ZERO
        self.previous_return: float | None = 0.0
        self.first_transaction = self.reported_transactions = 0
        self.first_adjustment = self.reported_adjustments = 0
        self.rows_before = 0
        self.closed_version = self.closed_marks = -1

    def begin(self) -> None:
        """Begin a session; a remote broker's changes since the last close are part of
        it.
        """
        self.first_transaction = self.reported_transactions
        self.first_adjustment = self.reported_adjustments

    def facts(self) -> dict[str, Any]:
        """Return the figures that the next session's row is computed from."""
        starting_value, previous_return = self.starting_value, self.previous_return
        if starting_value is None:
            starting_value = self.rows[self.rows_before - 1].ending_value
        if previous_return is None:
            previous_return = self.rows[-1].total_return
        previous_pnl = _subtract(_add(self.starting_cash, starting_value), self.starting_base)
        begun = self._record.adjustments[self.reported_adjustments :]
        facts = {"adjustments": [adjustment_facts(a) for a in begun]} if begun else {}
        return facts | {
            "starting_cash": plain_text(self.starting_cash),
            "starting_value": plain_text(starting_value),
            "previous_pnl": plain_text(previous_pnl),
            "previous_cash_flow": plain_text(self.previous_cash_flow),
            "previous_return": repr(previous_return),
            "first_transaction": self.first_transaction,
        }

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Restore the state that `facts` returned."""
        self.starting_cash = Decimal(facts["starting_cash"])
        self.starting_value = Decimal(facts["starting_value"])
        self.starting_base = _subtract(
            _add(self.starting_cash, self.starting_value), Decimal(facts["previous_pnl"])
        )
        self.previous_cash_flow = Decimal(facts["previous_cash_flow"])
        self.previous_return = float(facts["previous_return"])
        self.first_transaction = facts["first_transaction"]
        self.reported_transactions = self.rows[-1].transactions[1] if self.rows else 0
        self._restore_adjustments(facts.get("adjustments", ()))

    def _restore_adjustments(self, begun: Iterable[list[Any]]) -> None:
        assets = {asset.symbol: asset for asset in self._record.assets}
        closed = [a for row in self.rows for a in row.adjustments]
        self.first_adjustment = self.reported_adjustments = len(closed)
        self._record.adjustments = closed + [adjustment_of(facts, assets) for facts in begun]
