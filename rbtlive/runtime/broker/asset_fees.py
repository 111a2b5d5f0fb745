"""Fees that some brokers take in the asset that was bought, for pairs.

The rule: shares missing after purchases are such a fee if they are at most the fee
rate; the fee is booked as shares given away, and always logged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from rbtlive.model.events import PositionAdjustmentEvent
from rbtlive.model.number import ZERO
from rbtlive.model.order_facts import Transaction
from rbtlive.runtime.broker.reconciliation import Mismatch

FEE_STEP = Decimal("1E-7")
"""Tolerance for rounding in a fee."""


def fees_taken(
    differing: Iterable[Mismatch],
    transactions: Sequence[Transaction],
    *,
    rate: Decimal,
    now: datetime,
) -> list[PositionAdjustmentEvent]:
    """Return the events that book fees.

    Args:
        differing: Positions that differ.
        transactions: The run's transactions, oldest first.
        rate: Maximum fee, as a fraction of the amount bought.
        now: When the events happen, UTC.
    """
    found = []
    for one in differing:
        if one.gap is None or "/" not in one.symbol:
            continue
        most = _bought_since_fee(transactions, one.symbol) * rate
        if most and -most - FEE_STEP < one.gap < 0:
            asset = one.symbol.partition("/")[0]
            found.append(
                PositionAdjustmentEvent(
                    timestamp=now,
                    symbol=one.symbol,
                    amount=one.gap,
                    price=ZERO,
                    reason=f"the broker's fee for what was bought, taken in {asset}",
                )
            )
    return found


# An adjustment has no order: it is the last fee, or an operator's change.
def _bought_since_fee(transactions: Sequence[Transaction], symbol: str) -> Decimal:
    bought = ZERO
    for one in reversed(transactions):
        if one.asset.symbol == symbol:
            if one.order_id is None:
                break
            bought += max(one.amount, ZERO)
    return bought
