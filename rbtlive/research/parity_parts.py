"""The three questions of a parity report: were the decisions the same, were the orders
executed alike, and how much did the costs differ?

The rule: decisions and executions are compared exactly, never within a tolerance; costs
are measured in money.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from rbtlive.core.state.order import Order
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, plain_text, to_money
from rbtlive.model.order_facts import OrderState
from rbtlive.model.wording import counted
from rbtlive.research.explaining.pairs import Executed

_BPS = 10_000
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Difference:
    """The first difference.

    Attributes:
        sequence: Journal sequence of its event, or None if no event is known for that
            time.
        time: When it happened, UTC.
        field: The kind of fact, its number, and its field, e.g. "fill 3 of order 7:
            price".
        session: The session's value, or "nothing".
        backtest: The backtest's value, or "nothing".
    """

    sequence: int | None
    time: datetime
    field: str
    session: Any
    backtest: Any

    def __str__(self) -> str:
        event = "" if self.sequence is None else f", event {self.sequence}"
        return (
            f"{self.time.isoformat()}{event}: {self.field} was {shown(self.session)} in the "
            f"session and {shown(self.backtest)} in the backtest"
        )


@dataclass(frozen=True, slots=True)
class Decisions:
    """Whether the strategy gives the same orders again for the same inputs: the same
    bars and, at a real broker, the same answers.

    Attributes:
        identical: Whether it does, and everything was compared.
        compared: Number of order intents compared, including denied ones.
        first_difference: The first difference, or None.
    """

    identical: bool
    compared: int
    first_difference: Difference | None = None

    def __bool__(self) -> bool:
        return self.identical

    def __str__(self) -> str:
        text = "identical" if self.identical else "not identical"
        return f"{text}, {counted(self.compared, 'order')}"


@dataclass(frozen=True, slots=True)
class Executions:
    """Whether each order of the session filled the same number of shares, and ended in
    the same state, as at the simulated venue.

    Attributes:
        identical: No order that was compared differs.
        compared: Number of orders compared.
        differing: Number of orders that differ.
        undecided: Number of orders not compared, because they were still open at the
            end of the session or of the backtest.
        first_difference: The first difference, or None.
    """

    identical: bool
    compared: int
    differing: int = 0
    undecided: int = 0
    first_difference: Difference | None = None

    def __bool__(self) -> bool:
        return self.identical

    def __str__(self) -> str:
        if not (self.identical or self.compared):
            return "not compared: the decisions differ"
        text = f"identical, {counted(self.compared, 'order')}"
        if not self.identical:
            text = f"not identical, {self.differing:,} of {counted(self.compared, 'order')}"
        aside = f"; {counted(self.undecided, 'order')} still open" if self.undecided else ""
        return text + aside


@dataclass(frozen=True, slots=True)
class Costs:
    """How much more the session paid for the shares that both sides traded; negative if
    it paid less.

    Attributes:
        identical: Whether prices and commissions are equal to the last digit.
        compared: Number of orders whose executions were compared.
        traded: Value of the shares at the backtest's prices.
        price_difference: Money by which the session's prices were worse.
        price_bps: The price difference in basis points of `traded`; 0 if nothing was
            traded.
        commission_difference: Money by which the session's commissions were higher.
    """

    identical: bool
    compared: int
    traded: Decimal = ZERO
    price_difference: Decimal = ZERO
    price_bps: float = 0.0
    commission_difference: Decimal = ZERO

    @property
    def difference(self) -> Decimal:
        """Extra money that the session paid, in prices and commissions together."""
        return self.price_difference + self.commission_difference

    def __bool__(self) -> bool:
        return self.identical

    def __str__(self) -> str:
        if self.identical:
            return f"identical, {counted(self.compared, 'order')}"
        if not self.compared:
            return "not compared: the decisions differ"
        words = [
            f"prices {_more(self.price_difference)} ({self.price_bps:+.2f} bps)",
            f"commissions {_more(self.commission_difference)}",
        ]
        return f"in the session {', '.join(words)}, {counted(self.compared, 'order')}"


def judged_executions(
    pairs: Sequence[tuple[Executed, Executed | None]],
) -> tuple[Executions, Costs]:
    """Compare the result of each order of a session with that of the same order in the
    backtest.

    Args:
        pairs: The session's orders, oldest first, each with the backtest's; None if it
            has none.
    """
    with localcontext(ENGINE_CONTEXT):
        decided = [pair for pair in pairs if not _is_undecided(*pair)]
        differences = [found for pair in decided if (found := _executed_apart(*pair)) is not None]
        executions = Executions(
            identical=not differences,
            compared=len(decided),
            differing=len(differences),
            undecided=len(pairs) - len(decided),
            first_difference=differences[0] if differences else None,
        )
        return executions, _costs(pairs)


# One side has not finished it, so the ends may still agree.
def _is_undecided(ours: Executed, theirs: Executed | None) -> bool:
    if theirs is None:
        return False
    one, other = _is_open(ours.order), _is_open(theirs.order)
    return (one or other) and (one, ours.filled) != (other, theirs.filled)


def _is_open(order: Order | None) -> bool:
    return order is not None and order.is_open


def _executed_apart(ours: Executed, theirs: Executed | None) -> Difference | None:
    name = "execution" if ours.order is None else f"order {ours.order.id}"
    if theirs is None:
        return Difference(None, ours.created, name, _fate(ours), "nothing")
    if ours.filled == theirs.filled and _state(ours) == _state(theirs):
        return None
    return Difference(None, ours.created, f"{name} ({ours.symbol})", _fate(ours), _fate(theirs))


# For a strategy, an order that never arrived and one that was refused end alike: not
# traded.
def _state(one: Executed) -> OrderState | None:
    return None if one.order is None else one.order.state


def _fate(one: Executed) -> str:
    order = one.order
    if order is None:
        return f"{plain_text(one.filled)} traded"
    reason = f" ({order.reason})" if order.reason and order.state is not OrderState.FILLED else ""
    return f"{order.state.value}{reason}, {plain_text(one.filled)} of {plain_text(order.amount)}"


# Prices are compared for the shares that both traded; shares that only one traded
# belong to executions.
def _costs(pairs: Iterable[tuple[Executed, Executed | None]]) -> Costs:
    compared, identical = 0, True
    traded = price = commission = ZERO
    for ours, theirs in pairs:
        if theirs is None or not ours.filled or not theirs.filled:
            continue
        compared += 1
        shares = min(ours.filled, theirs.filled, key=abs)
        own = _of_shares(ours.cash, shares, ours.filled)
        other = _of_shares(theirs.cash, shares, theirs.filled)
        charged = _of_shares(ours.commission, shares, ours.filled)
        charge = _of_shares(theirs.commission, shares, theirs.filled)
        traded += abs(other)
        price += other - own
        commission += charged - charge
        identical = identical and (own, charged) == (other, charge)
    bps = float(price / traded * _BPS) if traded else 0.0
    return Costs(identical, compared, traded, price, bps, commission)


def _of_shares(money: Decimal, shares: Decimal, filled: Decimal) -> Decimal:
    return money if shares == filled else to_money(money * shares / filled)


def _more(money: Decimal) -> str:
    if not money:
        return "the same"
    side = "lower" if money < 0 else "higher"
    return f"{abs(money).quantize(_CENT):,} {side}"


def shown(value: object) -> str:
    """Return a value in readable form."""
    if isinstance(value, Decimal):
        return plain_text(value)
    return value if isinstance(value, str) else repr(value)
