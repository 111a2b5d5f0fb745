"""What a session starts with: dividends earned and paid, splits of orders and
positions.

The rule: dividends first, on what is held before the split; then open orders are split,
then positions. Source: zipline-reloaded 3.2.1, gens/tradesimulation.py 153-182 and
finance/ledger.py 150-240, 574-607.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rbtlive.core.quirks import Quirks
from rbtlive.model.number import ZERO, plain_text, to_money

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore


class Dividends:
    """Dividends earned and not paid yet."""

    def __init__(self, *, quirks: Quirks) -> None:
        self._lose_off_session = quirks.lose_dividend_off_session
        self._owed: dict[int, list[Decimal]] = {}

    def earn(self, *, pay_session: int | None, pay_is_session: bool, cash: Decimal) -> None:
        """Note cash that is due at the start of `pay_session`; None is never."""
        if pay_session is None or (self._lose_off_session and not pay_is_session):
            return
        self._owed.setdefault(pay_session, []).append(cash)

    def pay(self, session: int) -> Decimal:
        """Return the cash due in `session`, and whatever fell due before it and was not
        paid.
        """
        if not self._owed:
            return ZERO
        due = [s for s in self._owed if s <= session] if not self._lose_off_session else [session]
        return sum((cash for s in sorted(due) for cash in self._owed.pop(s, ())), ZERO)

    def facts(self) -> list[list[object]]:
        """Return what is owed, as facts: session number, then the cash of each
        dividend.
        """
        return [[session, *map(plain_text, owed)] for session, owed in sorted(self._owed.items())]

    def restore(self, facts: list[list[Any]]) -> None:
        """Take what `facts` gave."""
        self._owed = {session: [Decimal(cash) for cash in owed] for session, *owed in facts}


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
            )
    cash = core.dividends.pay(session)
    if cash:
        portfolio.book_dividend(cash)
    core.books.note_start()
    for split in market.splits_at(session):
        asset = core.assets[split.asset]
        core.orders.apply_split(asset, split.ratio, core.now)
        portfolio.apply_split(asset, split.ratio)
