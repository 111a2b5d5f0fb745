"""What a session starts with: dividends earned and paid, splits of orders and
positions.

The rule: dividends first, on what is held before the split; then open orders are split,
then positions. Source: zipline-reloaded 3.2.1, gens/tradesimulation.py 153-182 and
finance/ledger.py 150-240, 574-607.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rbtlive.core.quirks import Quirks
from rbtlive.model.asset import Asset
from rbtlive.model.number import plain_text, to_money

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore


UNNAMED = -1
"""Index of the asset of a dividend whose asset was not noted."""


class Dividends:
    """Dividends earned and not paid yet."""

    def __init__(self, *, quirks: Quirks) -> None:
        self._lose_off_session = quirks.lose_dividend_off_session
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


def start_session(core: TradingCore, session: int) -> None:
    """Apply to the books what happened overnight."""
    market, portfolio = core.market, core.portfolio
    for dividend in market.dividends_ex_at(session):
        held = portfolio.amount_of(core.assets[dividend.asset])
        if held:
            core.dividends.earn(
                pay_session=dividend.pay_session,
                pay_is_session=dividend.pay_is_session,
                cash=to_money(held * dividend.amount),
                asset=dividend.asset,
            )
    opening = core.calendar.open(session)
    for index, cash in core.dividends.pay(session):
        portfolio.book_dividend(cash)
        paying = None if index == UNNAMED else core.assets[index]
        core.record.adjust("dividend", dt=opening, asset=paying, cash=cash)
    core.books.note_start()
    for split in market.splits_at(session):
        asset = core.assets[split.asset]
        core.orders.apply_split(asset, split.ratio, core.now)
        split_position(core, asset, split.ratio, opening)


def split_position(core: TradingCore, asset: Asset, ratio: Decimal, dt: datetime) -> None:
    """Restate what is held of an asset for a split, and record it."""
    portfolio = core.portfolio
    if not portfolio.amount_of(asset):
        return
    cash_before = portfolio.cash
    portfolio.apply_split(asset, ratio)
    core.record.adjust(
        "split",
        dt=dt,
        asset=asset,
        cash=portfolio.cash - cash_before,
        ratio=ratio,
        amount=portfolio.amount_of(asset),
    )
