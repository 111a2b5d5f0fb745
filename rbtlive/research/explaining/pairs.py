"""Match the orders of a session to those of a backtest.

The rule: orders with the same symbol, side and moment are one decision; an order
without a match was decided by one run alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from rbtlive.core.state.order import Order
from rbtlive.core.state.record import RunRecord
from rbtlive.model.number import ZERO, to_money
from rbtlive.model.order_facts import Transaction


@dataclass(slots=True)
class Executed:
    """An order and its executions; an execution without an order is on its own.

    Attributes:
        symbol: Symbol of the asset.
        created: When it was decided.
        order: The order; None for a position closed by the market or an operator.
        fills: Its executions.
    """

    symbol: str
    created: datetime
    order: Order | None
    fills: list[Transaction] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        """Signed shares traded."""
        return sum((fill.amount for fill in self.fills), ZERO)

    @property
    def asked(self) -> Decimal:
        """Signed shares ordered."""
        return self.filled if self.order is None else self.order.amount

    @property
    def cash(self) -> Decimal:
        """Signed money that the executions moved, without commission."""
        return sum((to_money(-fill.price * fill.amount) for fill in self.fills), ZERO)

    @property
    def commission(self) -> Decimal:
        """Money charged."""
        return sum((fill.commission for fill in self.fills), ZERO)

    @property
    def left_market(self) -> bool:
        """Whether a position was closed because its asset left the market."""
        return self.order is None and self.fills[0].execution_id.startswith("close-")

    @property
    def last_fill(self) -> datetime | None:
        """When its last part was traded."""
        return self.fills[-1].dt if self.fills else None


def executed(record: RunRecord, upto: int | None = None) -> list[Executed]:
    """Return the orders of a run, including denied ones, with their executions among
    the run's first `upto`, by default all.
    """
    found = {
        order.id: Executed(order.asset.symbol, order.created, order)
        for order in [*record.orders, *record.denied]
    }
    alone = []
    for fill in record.transactions[:upto]:
        known = found.get(fill.order_id or "")
        if known is None:
            alone.append(Executed(fill.asset.symbol, fill.dt, None, [fill]))
        else:
            known.fills.append(fill)
    return [*found.values(), *alone]


Decision = tuple[str, datetime, Decimal]
"""Symbol, moment and signed shares."""


def decision(one: Executed) -> Decision:
    """Return the decision behind an order, whatever its result."""
    return one.symbol, one.created, one.asked


Pair = tuple[Executed | None, Executed | None]


def paired(session: Iterable[Executed], backtest: Iterable[Executed]) -> list[Pair]:
    """Return the orders of both runs as pairs in time order; None for a missing
    partner.
    """
    waiting: dict[tuple[str, datetime, bool], list[Executed]] = defaultdict(list)
    for theirs in backtest:
        waiting[_key(theirs)].append(theirs)
    pairs: list[Pair] = []
    for ours in session:
        partners = waiting[_key(ours)]
        pairs.append((ours, partners.pop(0) if partners else None))
    pairs += [(None, theirs) for left in waiting.values() for theirs in left]
    return sorted(pairs, key=_when)


def _key(one: Executed) -> tuple[str, datetime, bool]:
    return one.symbol, one.created, one.asked.is_signed()


def _when(pair: Pair) -> datetime:
    one = pair[0] or pair[1]
    assert one is not None
    return one.created
