"""The difference in profit between two runs, order by order, each part with its
cause.

The rule: the contribution of an order is the final value of its shares, less their
cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from rbtlive.core.state.record import RunRecord
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, plain_text, to_money
from rbtlive.research.explaining.bar_parts import BothBars
from rbtlive.research.explaining.causes import (
    NO_ORDER,
    Circumstances,
    Earlier,
    of_less,
    of_one_run,
)
from rbtlive.research.explaining.pairs import Executed, Pair, executed, paired
from rbtlive.research.explaining.worth import Mismatch, Worth
from rbtlive.research.run_bars import RunBars


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the difference.

    Attributes:
        time: When the order was decided, or when money without an order arose; None for
            the remainder.
        symbol: Symbol of the asset.
        order_id: The session's order, otherwise the backtest's.
        cause: The cause.
        money: Profit of the session less profit of the backtest.
        detail: Description of the difference.
    """

    time: datetime | None
    symbol: str | None
    order_id: str | None
    cause: str
    money: Decimal
    detail: str


def difference_of(
    session: RunRecord,
    backtest: RunRecord,
    known: Circumstances,
    bars: tuple[RunBars | None, RunBars | None],
) -> tuple[list[Part], Decimal]:
    """Return the parts of the difference in profit, and the difference itself, their
    exact sum.

    Args:
        session: The session's record, up to the last session that both have.
        backtest: The backtest's record, over the same sessions.
        known: Other known facts about the session.
        bars: The bars of the session and of the backtest, to measure delays.
    """
    with localcontext(ENGINE_CONTEXT):
        whole = session.sessions[-1].total_pnl - backtest.sessions[-1].total_pnl
        ours, theirs = executed(session), executed(backtest)
        found = _Found(Worth(session, backtest), known, BothBars(*bars))
        for pair in paired(ours, theirs):
            found.take(pair)
        found.take_rest(found.worth.mismatches(ours, theirs))
        left = whole - sum((part.money for part in found.parts), ZERO)
        if left:
            part = Part(None, None, None, "rounding of splits", left, "fractions of shares")
            found.parts.append(part)
    return [part for part in found.parts if part.money], whole


class _Found:
    # The parts found so far.
    def __init__(self, worth: Worth, known: Circumstances, bars: BothBars) -> None:
        self.worth, self._known, self._bars = worth, known, bars
        self._earlier = Earlier()
        self.parts: list[Part] = []

    def take(self, pair: Pair) -> None:
        ours, theirs = pair
        one = ours or theirs
        assert one is not None
        money = self._contribution(ours) - self._contribution(theirs)
        if ours is None or theirs is None:
            if one.filled or money:
                cause, words = of_one_run(ours, theirs, self._known, self._earlier)
                self._add(one, cause, money, words, shares=True)
            return
        charged = theirs.commission - ours.commission
        traded = self._traded_part(ours, theirs)
        rest = money - charged - traded
        self._add(one, "commission", charged, _commission_words(ours, theirs))
        if ours.filled != theirs.filled:
            cause, words = of_less(ours, theirs, self._known, self._earlier)
            if cause == "partial fill":
                cause = self._bars.cause_of_less(ours, theirs) or cause
            self._add(one, cause, traded, words, shares=True)
        for cause, value, words in self._bars.parts(ours, theirs):
            self._add(one, cause, value, words)
            rest -= value
        self._add(one, "slippage", rest, _price_words(ours, theirs))

    def take_rest(self, mismatches: Sequence[Mismatch]) -> None:
        for one in mismatches:
            cause = NO_ORDER.get(one.kind, "data revised")
            if one.kind == "price" and one.symbol is not None:
                cause = self._bars.cause_of_last_price(one.symbol, one.time)
            elif one.kind == "split":
                by_hand = one.symbol in self._known.split_by_hand
                cause = "by hand" if by_hand else "data missing"
            elif one.kind == "dividend of shares":
                cause = self._earlier.of_shares(one.symbol, one.time) or "dividends"
            self.parts.append(Part(one.time, one.symbol, None, cause, one.money, one.words))

    def _add(
        self, one: Executed, cause: str, money: Decimal, words: str, *, shares: bool = False
    ) -> None:
        if money or shares:
            self._earlier.note(one.symbol, one.last_fill or one.created, cause, shares=shares)
        name = None if one.order is None else one.order.id
        self.parts.append(Part(one.created, one.symbol, name, cause, money, words))

    def _contribution(self, one: Executed | None) -> Decimal:
        if one is None:
            return ZERO
        worth = sum((f.amount * self.worth.of(one.symbol, f.dt) for f in one.fills), ZERO)
        return worth + one.cash - one.commission

    # The value of shares that only one of the two traded, at the backtest's price if it
    # traded at all.
    def _traded_part(self, ours: Executed, theirs: Executed) -> Decimal:
        more = ours.filled - theirs.filled
        if not more:
            return ZERO
        base = theirs if theirs.filled else ours
        when = base.last_fill or base.created
        price = to_money(-base.cash / base.filled)
        return more * (self.worth.of(base.symbol, when) - price)


def _price_words(ours: Executed, theirs: Executed) -> str:
    prices = [
        plain_text(to_money(-one.cash / one.filled)) if one.filled else "none"
        for one in (ours, theirs)
    ]
    return f"average price {prices[0]}, in the backtest {prices[1]}"


def _commission_words(ours: Executed, theirs: Executed) -> str:
    charged = (plain_text(ours.commission), plain_text(theirs.commission))
    return f"commission {charged[0]}, in the backtest {charged[1]}"


def money_by_cause(parts: Sequence[Part]) -> Mapping[str, tuple[int, Decimal]]:
    """Return the number of parts of each cause, and their money, the largest first."""
    with localcontext(ENGINE_CONTEXT):
        found: dict[str, tuple[int, Decimal]] = {}
        for part in parts:
            count, money = found.get(part.cause, (0, ZERO))
            found[part.cause] = (count + 1, money + part.money)
    return dict(sorted(found.items(), key=lambda item: -abs(item[1][1])))
