"""Dividends that were earned and are not paid yet.

The rule: what is due is paid once, at the start of its pay session.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rbtlive.model.number import plain_text

UNNAMED = -1
"""Index of the asset of a dividend whose asset was not noted."""


class Dividends:
    """Dividends earned and not paid yet.

    Args:
        lose_off_session: Never pay a dividend whose pay date is no session, as zipline
            does; otherwise it is paid at the next session.
    """

    __slots__ = ("_lose_off_session", "_owed")

    def __init__(self, *, lose_off_session: bool) -> None:
        self._lose_off_session = lose_off_session
        self._owed: dict[int, list[tuple[int, Decimal]]] = {}

    def earn(
        self, *, pay_session: int | None, pay_is_session: bool, cash: Decimal, asset: int = UNNAMED
    ) -> None:
        """Note cash that is due at the start of `pay_session`; None is never.

        Args:
            pay_session: Number of the session.
            pay_is_session: Whether the pay date itself is a session.
            cash: Money; negative is owed by a short.
            asset: Index of the asset that pays it.
        """
        if pay_session is None or (self._lose_off_session and not pay_is_session):
            return
        self._owed.setdefault(pay_session, []).append((asset, cash))

    def pay(self, session: int) -> list[tuple[int, Decimal]]:
        """Return the cash due in `session`, and whatever fell due before it and was not
        paid, each with the index of its asset.
        """
        if not self._owed:
            return []
        due = [s for s in self._owed if s <= session] if not self._lose_off_session else [session]
        return [paid for s in sorted(due) for paid in self._owed.pop(s, ())]

    def next_due(self) -> int | None:
        """Return the first session in which cash is due; None if nothing is owed."""
        return min(self._owed) if self._owed else None

    def facts(self) -> list[list[object]]:
        """Return what is owed, as facts: session number, then index of the asset and
        cash of each dividend.
        """
        return [
            [session, *([asset, plain_text(cash)] for asset, cash in owed)]
            for session, owed in sorted(self._owed.items())
        ]

    def restore(self, facts: list[list[Any]]) -> None:
        """Take what `facts` gave."""
        self._owed = {session: [_paid(fact) for fact in owed] for session, *owed in facts}


# Journals of earlier releases have the cash alone.
def _paid(fact: Any) -> tuple[int, Decimal]:
    asset, cash = (UNNAMED, fact) if isinstance(fact, str) else fact
    return asset, Decimal(cash)
