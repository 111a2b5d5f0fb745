"""Likely causes of differences between a run's books and those of a user's adapter.

The rule: a cause is a guess in words, beside the difference; nothing is booked for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.brokers.base import BrokerAdapter, BrokerOrder
from rbtlive.core.state.order import Order
from rbtlive.core.state.order_manager import OrderManager
from rbtlive.model.number import ZERO, plain_text
from rbtlive.runtime.broker import asking
from rbtlive.runtime.broker.asset_fees import undeclared_fees
from rbtlive.runtime.broker.reconciliation import Mismatch

if TYPE_CHECKING:
    from rbtlive.core.run_state import RunState
    from rbtlive.model.order_facts import Transaction


def causes_of(
    found: Collection[Mismatch],
    *,
    broker: BrokerAdapter,
    held: Mapping[str, Decimal],
    known: Mapping[str, BrokerOrder],
    state: RunState,
    after_pause: bool = False,
) -> list[str]:
    """Return the likely faults of a user's adapter behind differences, a sentence each.

    Args:
        found: The differences.
        broker: The adapter.
        held: The account's holdings, by symbol.
        known: The run's orders as the broker reported them, by order id.
        state: The run.
        after_pause: Whether the session was stopped when they came.
    """
    if not asking.is_of_users(broker):
        return []
    done = state.record.transactions
    causes = [
        *likely_causes(found, held, known, state.orders, done),
        *undeclared_fees(found, done, rate=broker.fee_in_asset),
    ]
    return causes or (list(possible_splits(found)) if after_pause else [])


def likely_causes(
    found: Iterable[Mismatch],
    held: Mapping[str, Decimal],
    known: Mapping[str, BrokerOrder],
    orders: OrderManager,
    done: Sequence[Transaction],
) -> Iterator[str]:
    """Yield faults in an adapter's answers that may have caused differences of
    positions.

    Args:
        found: The differences.
        held: The account's holdings, by symbol.
        known: The run's orders as the broker reported them, by order id.
        orders: Our orders.
        done: Our executions, oldest first.
    """
    for one in found:
        for symbol, amount in held.items():
            alike = _letters(symbol).startswith(_letters(one.symbol)) and symbol != one.symbol
            if one.gap and alike and amount == -one.gap:
                yield (
                    f"it has {plain_text(amount)} of {symbol!r}: positions() has to spell symbols "
                    f"as orders do, {one.symbol!r}, and a change of a symbol belongs into "
                    "corporate_actions()"
                )
        for order_id, theirs in known.items():
            order = orders.get_order(order_id)
            if (
                order is not None
                and theirs.symbol == one.symbol
                and theirs.filled - order.filled == one.gap
            ):
                cause = _cause_in(order, theirs, orders, done)
                if cause is not None:
                    yield cause


# Of an order whose filled amount differs.
def _cause_in(
    order: Order, theirs: BrokerOrder, orders: OrderManager, done: Sequence[Transaction]
) -> str | None:
    if abs(theirs.filled) < abs(order.filled):
        return _taken_back(order, theirs, done)
    missing = theirs.filled - order.filled
    if not missing:
        return None
    ids = [execution.execution_id for execution in theirs.executions]
    fresh = {
        execution.execution_id: execution.amount
        for execution in theirs.executions
        if execution.execution_id not in orders.executions
    }
    again = next((name for name in ids if name not in fresh), None)
    if again is not None and not order.filled:
        return (
            f"order {order.id} is filled {plain_text(theirs.filled)} there by execution "
            f"{again!r}, an id that an earlier execution had: execution ids have to be "
            "unique, e.g. with the order's id before them"
        )
    if not ids:
        return (
            f"order {order.id} is filled {plain_text(theirs.filled)} there: fills are "
            "booked from BrokerOrder.executions of find_order(), which has none"
        )
    if order.filled and abs(sum(fresh.values(), ZERO)) > abs(missing):
        name, amount = next(iter(fresh.items()))
        return (
            f"execution {name!r} of order {order.id} is of {plain_text(amount)}, and "
            f"only {plain_text(missing)} of the order is not booked yet: an execution "
            "has to be the latest step, not the total so far"
        )
    return None


# An order of which the broker reports less than is booked.
def _taken_back(order: Order, theirs: BrokerOrder, done: Sequence[Transaction]) -> str:
    booked = [one for one in done if one.order_id == order.id]
    text = (
        f"order {order.id} is filled {plain_text(order.filled)} here and "
        f"{plain_text(theirs.filled)} there: "
    )
    same: dict[tuple[Decimal, Decimal], str] = {}
    for one in booked:
        first = same.setdefault((one.amount, one.price), one.execution_id)
        if first != one.execution_id:
            return (
                f"{text}executions {first!r} and {one.execution_id!r} are alike, and an "
                "execution has to have one id wherever it is reported"
            )
    return f"{text}if the broker cancelled an execution, reconciliation='follow' takes it back"


def possible_splits(found: Iterable[Mismatch]) -> Iterator[str]:
    """Yield a sentence about each position of which one side has a multiple of the
    other, or a simple fraction more, as after a split or a stock dividend.
    """
    for one in found:
        if not one.gap:
            continue
        low, high = sorted((Decimal(one.ours), Decimal(one.theirs)), key=abs)
        if low * high > 0 and (high % low == 0 or low % (high - low) == 0):
            yield (
                f"if {one.symbol} was split, splits() has to report it, or the data's splits "
                "have to contain it"
            )


def _letters(symbol: str) -> str:
    return "".join(letter for letter in symbol.lower() if letter.isalnum())
