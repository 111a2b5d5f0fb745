"""Dividends that were earned but are not paid yet.

The rule: cash that is due is paid once, at the start of its pay session.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from rbtlive.model.number import plain_text

UNNAMED = -1
"""Asset index of a dividend whose asset was not recorded."""


class Dividends:
    """Dividends earned but not paid yet.

    Args:
        lose_off_session: Never pay a dividend whose pay date is not a session, as
            zipline does; otherwise it is paid in the next session.
    """

    __slots__ = ("_lose_off_session", "_owed")

    def __init__(self, *, lose_off_session: bool) -> None:
        self._lose_off_session = lose_off_session
        self._owed: dict[int, list[tuple[int, Decimal]]] = {}

    def earn(
        self, *, pay_session: int | None, pay_is_session: bool, cash: Decimal, asset: int = UNNAMED
    ) -> None:
        """Record cash that is due at the start of `pay_session`; None means never.

        Args:
            pay_session: Number of the session.
            pay_is_session: Whether the pay date itself is a session.
            cash: Money; negative if a short owes it.
            asset: Index of the asset that pays the dividend.
        """
        if pay_session is None or (self._lose_off_session and not pay_is_session):
            return
        self._owed.setdefault(pay_session, []).append((asset, cash))

    def pay(self, session: int) -> list[tuple[int, Decimal]]:
        """Return the cash due by `session` and not yet paid, each amount with the index
        of its asset.
        """
        if not self._owed:
            return []
        due = [s for s in self._owed if s <= session] if not self._lose_off_session else [session]
        return [paid for s in sorted(due) for paid in self._owed.pop(s, ())]

    def next_due(self) -> int | None:
        """Return the first session in which cash is due; None if nothing is owed."""
        return min(self._owed) if self._owed else None

    def owed(self) -> Iterator[tuple[int, int, Decimal]]:
        """Yield each dividend that is not paid yet: session, index of the asset, and
        cash.
        """
        for session, owed in self._owed.items():
            for asset, cash in owed:
                if asset != UNNAMED:
                    yield session, asset, cash

    def facts(self) -> list[list[object]]:
        """Return the unpaid dividends as facts: session number, then index of the asset
        and cash of each dividend.
        """
        return [
            [session, *([asset, plain_text(cash)] for asset, cash in owed)]
            for session, owed in sorted(self._owed.items())
        ]

    def restore(self, facts: list[list[Any]]) -> None:
        """Restore the state that `facts` returned."""
        self._owed = {session: [_paid(fact) for fact in owed] for session, *owed in facts}


# Journals of earlier releases contain only the cash.
def _paid(fact: Any) -> tuple[int, Decimal]:
    asset, cash = (UNNAMED, fact) if isinstance(fact, str) else fact
    return asset, Decimal(cash)
