"""Fees that some brokers take in the asset that was bought, for coins.

The rule: shares missing after purchases are such a fee if they are at most the fee
rate; the fee is booked as shares given away, and always logged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from rbtlive.model.events import PositionAdjustmentEvent
from rbtlive.model.number import ZERO
from rbtlive.model.order_facts import Transaction
from rbtlive.runtime.broker.reconciliation import Mismatch

FEE_STEP = Decimal("1E-7")
"""Tolerance for rounding in a fee."""
_USUAL: Final = Decimal("0.01")
"""No broker's fee for a purchase is higher."""


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
        if one.gap is not None and _is_fee(one, transactions, rate):
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


def undeclared_fees(
    differing: Iterable[Mismatch], transactions: Sequence[Transaction], *, rate: Decimal
) -> Iterator[str]:
    """Yield a sentence about each difference that is such a fee at a higher rate.

    Args:
        differing: Positions that differ.
        transactions: The run's transactions, oldest first.
        rate: Maximum fee according to the adapter.
    """
    for one in differing:
        if _is_fee(one, transactions, _USUAL) and not _is_fee(one, transactions, rate):
            yield (
                f"if it takes its fee for a purchase in {one.symbol} itself, the adapter's "
                "fee_in_asset has to be the highest rate, e.g. Decimal('0.001')"
            )


def _is_fee(one: Mismatch, transactions: Sequence[Transaction], rate: Decimal) -> bool:
    most = _bought_since_fee(transactions, one.symbol) * rate
    return bool(one.gap and most and -most - FEE_STEP < one.gap < 0)


# Of a coin or a pair. An adjustment has no order: it is the last fee, or an operator's
# change.
def _bought_since_fee(transactions: Sequence[Transaction], symbol: str) -> Decimal:
    bought, is_pair = ZERO, "/" in symbol
    for one in reversed(transactions):
        if one.asset.symbol == symbol:
            if one.order_id is None or not (is_pair or one.asset.asset_class == "crypto"):
                break
            bought += max(one.amount, ZERO)
    return bought
