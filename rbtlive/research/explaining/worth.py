"""The value of shares in both runs, so that orders can be compared by money.

The rule: a share has the same value in both runs: the backtest's last price, or the
last price paid if nothing is held at the end. Shares from before a split count as the
shares after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rbtlive.core.state.record import RunRecord
from rbtlive.model.number import ZERO, plain_text
from rbtlive.research.explaining.pairs import Executed

Splits = dict[str, dict[datetime, Decimal]]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A difference in money without an order.

    Attributes:
        time: When it arose.
        symbol: Symbol of the asset; None for the account as a whole.
        kind: "price", "split", "dividend", "dividend of shares" (that one run held more
            of), "fee" or "interest".
        money: Profit of the session less profit of the backtest.
        words: Description of the difference.
    """

    time: datetime
    symbol: str | None
    kind: str
    money: Decimal
    words: str


class Worth:
    """Values the shares of a session and a backtest.

    Args:
        session: The session's record, up to the last session that both have.
        backtest: The backtest's record, up to the same session.
    """

    def __init__(self, session: RunRecord, backtest: RunRecord) -> None:
        self._session, self._backtest = session, backtest
        fills = sorted([*session.transactions, *backtest.transactions], key=lambda fill: fill.dt)
        self._paid = {fill.asset.symbol: (fill.price, fill.dt) for fill in fills}
        self._ours, self._theirs = _last_prices(session), _last_prices(backtest)
        self._last = self._ours | self._theirs
        self._our_splits, self._their_splits = _splits(session), _splits(backtest)
        self._splits = self._our_splits | self._their_splits

    def of(self, symbol: str, when: datetime) -> Decimal:
        """Return the value of a share that was traded at `when`."""
        return self._by(self._splits, symbol, when)

    def _by(self, splits: Splits, symbol: str, when: datetime) -> Decimal:
        value, upto = self._last.get(symbol), None
        if value is None:  # not held at the end: use the last execution
            value, upto = self._paid[symbol]
        for moment, ratio in splits.get(symbol, {}).items():
            if moment > when and (upto is None or moment <= upto):
                value /= ratio
        return value

    def mismatches(self, ours: Iterable[Executed], theirs: Iterable[Executed]) -> list[Mismatch]:
        """Return the differences that come only from last prices, splits and cash."""
        found = [*self._of_prices(), *self._of_cash()]
        for symbol in self._our_splits.keys() | self._their_splits.keys():
            mismatch = self._of_splits(symbol, ours, theirs)
            found += [] if mismatch is None else [mismatch]
        return sorted(found, key=lambda one: (one.time, one.symbol or ""))

    def _of_prices(self) -> list[Mismatch]:
        closed = self._session.sessions[-1].close
        parts = []
        for place in self._session.sessions[-1].positions:
            price, theirs = place.last_sale_price, self._last[place.symbol]
            if price != theirs:
                words = f"last price was {plain_text(price)}, is {plain_text(theirs)}"
                money = place.amount * (price - theirs)
                parts.append(Mismatch(closed, place.symbol, "price", money, words))
        return parts

    # The effect of each run's splits on its shares, less that of the splits that count.
    def _of_splits(
        self, symbol: str, ours: Iterable[Executed], theirs: Iterable[Executed]
    ) -> Mismatch | None:
        money = ZERO
        for executed, splits, sign in (
            (ours, self._our_splits, 1),
            (theirs, self._their_splits, -1),
        ):
            for one in executed:
                for fill in one.fills if one.symbol == symbol else ():
                    own = self._by(splits, symbol, fill.dt)
                    money += sign * fill.amount * (own - self.of(symbol, fill.dt))
        mine, other = (s.get(symbol, {}) for s in (self._our_splits, self._their_splits))
        alone = [*(mine.items() - other.items()), *(other.items() - mine.items())]
        if not money or not alone:
            return None
        moment, ratio = min(alone)
        who = "session" if moment in mine else "backtest"
        words = f"a split of ratio {plain_text(ratio)} was booked by the {who} alone"
        return Mismatch(moment, symbol, "split", money, words)

    def _of_cash(self) -> list[Mismatch]:
        records = self._session, self._backtest
        booked: dict[tuple[str, datetime, str | None], list[Decimal]] = {}
        for place, record in enumerate(records):
            for one in record.adjustments:
                if one.kind in {"dividend", "fee", "interest"}:
                    key = one.kind, one.dt, None if one.asset is None else one.asset.symbol
                    booked.setdefault(key, [ZERO, ZERO])[place] += one.cash
        found = []
        for (kind, dt, symbol), (ours, theirs) in booked.items():
            # Both received it, or one received it and held shares: the holdings differ.
            of_shares = (ours and theirs) or (
                symbol and not all(_held(r, symbol, dt) for r in records)
            )
            name = f"{kind} of shares" if kind == "dividend" and of_shares else kind
            words = f"{kind} of {plain_text(ours)}, in the backtest {plain_text(theirs)}"
            found.append(Mismatch(dt, symbol, name, ours - theirs, words))
        return [one for one in found if one.money]


def _held(record: RunRecord, symbol: str, when: datetime) -> Decimal:
    fills = (fill for fill in record.transactions if fill.asset.symbol == symbol)
    return sum((fill.amount for fill in fills if fill.dt <= when), ZERO)


def _last_prices(record: RunRecord) -> dict[str, Decimal]:
    return {p.symbol: p.last_sale_price for p in record.sessions[-1].positions}


def _splits(record: RunRecord) -> Splits:
    splits: Splits = {}
    for one in record.adjustments:
        if one.kind == "split" and one.asset is not None and one.ratio:
            splits.setdefault(one.asset.symbol, {})[one.dt] = one.ratio
    return splits
