"""Changes of cash or shares that are not fills: dividends, splits, fees, transfers.

The rule: fills and adjustments together explain every change of cash and positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from rbtlive.model.asset import Asset
from rbtlive.model.number import ZERO, plain_text

KINDS = ("dividend", "split", "fee", "interest", "transfer")


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One change of the books that is not a fill.

    Attributes:
        kind: "dividend", "split" (its cash pays for a fraction of a share), "fee",
            "interest" or "transfer" (cash or shares that came from elsewhere).
        dt: When it was booked, UTC.
        asset: The asset concerned; None for the account as a whole.
        cash: Money received; negative if paid.
        ratio: The ratio of a split: 0.5 is two for one.
        amount: Signed shares held afterwards, if they changed.
        after: How many transactions of the run were booked before it.
    """

    kind: str
    dt: datetime
    asset: Asset | None
    cash: Decimal = ZERO
    ratio: Decimal | None = None
    amount: Decimal | None = None
    after: int = 0


def adjustment_facts(adjustment: Adjustment) -> list[Any]:
    """Return an adjustment as plain facts."""
    a = adjustment
    return [
        a.kind,
        a.dt.isoformat(),
        None if a.asset is None else a.asset.symbol,
        plain_text(a.cash),
        None if a.ratio is None else plain_text(a.ratio),
        None if a.amount is None else plain_text(a.amount),
        a.after,
    ]


def adjustment_of(facts: list[Any], assets: Mapping[str, Asset]) -> Adjustment:
    """Return the adjustment that `adjustment_facts` described."""
    kind, dt, symbol, cash, ratio, amount, after = facts
    return Adjustment(
        kind,
        datetime.fromisoformat(dt),
        None if symbol is None else assets[symbol],
        Decimal(cash),
        None if ratio is None else Decimal(ratio),
        None if amount is None else Decimal(amount),
        after,
    )
