"""Compare a broker's orders and positions with ours: find missing events and
unexplained differences.

The rule: plain functions over facts. Explained differences become events and are
processed like any other event; unexplained ones are named and never silently adopted.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from rbtlive.brokers.base import BrokerOrder
from rbtlive.core.state.order import Order
from rbtlive.core.state.order_manager import OrderManager
from rbtlive.core.state.portfolio import Portfolio
from rbtlive.model.events import (
    FOLLOWED,
    Event,
    OrderFillEvent,
    OrderReplacedEvent,
    OrderUpdateEvent,
    PositionAdjustmentEvent,
)
from rbtlive.model.number import ZERO, plain_text
from rbtlive.model.order_facts import CLOSED_STATES, OrderState

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore
    from rbtlive.model.asset import Asset


Terms: TypeAlias = tuple[Decimal, Decimal | None, Decimal | None]
"""Signed shares of an order, its limit and its stop price."""
ACCEPTED: Final = frozenset({OrderState.PENDING, OrderState.PARTIALLY_FILLED})
_SEQUENCE = re.compile(r"[1-9][0-9]{0,8}")  # the form that client_order_id writes


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A difference that no missing event explains; equal to a later one with the same
    gap, whatever the values are.

    Attributes:
        what: The fact that differs, e.g. "position of AAPL".
        ours: Our value.
        theirs: The broker's value.
        gap: How much more the broker has of a position; None for an order.
        symbol: Symbol of the asset.
        order_id: Id of the order, if it concerns one.
    """

    what: str
    ours: str = field(compare=False)
    theirs: str = field(compare=False)
    gap: Decimal | None = None
    symbol: str = field(default="", compare=False)
    order_id: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.what}: is {self.ours} here and {self.theirs} at the broker"


def sequence_of(client_order_id: str, run_id: str) -> str | None:
    """Return the order id in a run's client order id; None if it belongs to another
    run.
    """
    prefix, _, sequence = client_order_id.rpartition("-")
    return sequence if prefix == run_id and _SEQUENCE.fullmatch(sequence) else None


def missing_events(order: Order, known: BrokerOrder, booked: Iterable[str]) -> list[Event]:
    """Return the events that bring `order` to the broker's state: fills first, then the
    status.

    Args:
        order: Our order.
        known: The broker's view of it.
        booked: Ids of the executions booked so far.
    """
    events: list[Event] = _missing_fills(order, known, set(booked))
    told_otherwise = known.broker_order_id != order.broker_order_id
    if known.state is not order.state and (
        known.state in CLOSED_STATES or order.state not in CLOSED_STATES
    ):
        told_otherwise = True
    if known.state is OrderState.FILLED:
        if order.is_open and order.filled == known.filled == known.amount != order.amount:
            # A process died between the two parts of an order that crosses zero, or the
            # broker rounded the amount to its lots.
            reason = f"the broker's order was for {plain_text(known.amount)}, the rest was not sent"
            events.append(_ended(order, known, reason))
        return events  # the fills show it, as soon as the broker reports them
    if told_otherwise and order.is_open:
        events.append(
            OrderUpdateEvent(
                timestamp=known.updated_at,
                order_id=order.id,
                status=known.state,
                reason=known.reason,
                broker_order_id=known.broker_order_id,
            )
        )
    return events


def _ended(order: Order, known: BrokerOrder, reason: str) -> OrderUpdateEvent:
    return OrderUpdateEvent(
        timestamp=known.updated_at, order_id=order.id, status=OrderState.CANCELED, reason=reason
    )


def _missing_fills(order: Order, known: BrokerOrder, seen: set[str]) -> list[Event]:
    # Never more than the broker reports as filled: two of its channels may name one
    # execution differently. Never more than was ordered: that is a difference of
    # positions, which the policy handles.
    most = min(abs(known.filled), abs(order.amount))
    filled = order.filled
    fills: list[Event] = []
    for execution in known.executions:
        if execution.execution_id in seen or abs(filled + execution.amount) > most:
            continue
        filled += execution.amount
        fills.append(
            OrderFillEvent(
                timestamp=execution.at,
                order_id=order.id,
                execution_id=execution.execution_id,
                amount=execution.amount,
                price=execution.price,
                commission=execution.commission,
            )
        )
    return fills


def terms_of(known: BrokerOrder) -> Terms:
    """Return the terms of an order as the broker reports them."""
    return known.amount, known.limit, known.stop


def was_replaced(order: Order, known: BrokerOrder, before: Terms | None) -> bool:
    """Say whether an open order was replaced at the broker by another one, or changed
    under its own id.

    Args:
        order: Our order.
        known: The broker's view of it.
        before: Its terms when the broker last reported them; None if it has not.
    """
    if not order.is_open or order.broker_order_id is None or known.amount * order.amount <= 0:
        return False
    if known.broker_order_id != order.broker_order_id:
        return terms_of(known) != (order.amount, order.limit, order.stop)
    # The broker may round an order that it accepts, and some reduce the amount of one
    # that they cancel. Only a larger amount, or terms that changed later, is a change
    # by hand.
    if not (known.state.is_open or known.state is OrderState.FILLED):
        return False
    changed = before is not None and before != terms_of(known)
    larger = abs(known.amount) > abs(order.amount)
    return (changed or larger) and _followed(order, known) != (
        order.amount,
        order.limit,
        order.stop,
    )


# An order that keeps its id keeps the prices that the broker does not report.
def _followed(order: Order, known: BrokerOrder) -> Terms:
    amount, limit, stop = terms_of(known)
    if known.broker_order_id == order.broker_order_id:
        limit = order.limit if limit is None else limit
        stop = order.stop if stop is None else stop
    return amount, limit, stop


def replacement(order: Order, known: BrokerOrder) -> OrderReplacedEvent:
    """Return the event that continues an order as the one that replaced it."""
    amount, limit, stop = _followed(order, known)
    return OrderReplacedEvent(
        timestamp=known.updated_at,
        order_id=order.id,
        amount=amount,
        limit=limit,
        stop=stop,
        broker_order_id=known.broker_order_id,
    )


def is_booked(replaced: OrderReplacedEvent, order: Order) -> bool:
    """Say whether a replacement is booked, or its order has ended."""
    booked = order.broker_order_id, order.amount, order.limit, order.stop
    told = replaced.broker_order_id, replaced.amount, replaced.limit, replaced.stop
    return not order.is_open or booked == told


def expired(order: Order, at: datetime) -> OrderUpdateEvent:
    """Return the end of an order that was never sent."""
    return OrderUpdateEvent(
        timestamp=at, order_id=order.id, status=OrderState.EXPIRED, reason="never sent"
    )


def never_arrived(order: Order, at: datetime) -> OrderUpdateEvent:
    """Return the end of a sent order that the broker does not know."""
    return OrderUpdateEvent(
        timestamp=at, order_id=order.id, status=OrderState.REJECTED, reason="never arrived"
    )


def lost(order_id: str, known: BrokerOrder) -> OrderUpdateEvent:
    """Return the event that takes the number of an order that a torn journal lost."""
    return OrderUpdateEvent(
        timestamp=known.updated_at,
        order_id=order_id,
        status=known.state,
        reason="known to the broker, and lost from the journal's torn end",
        broker_order_id=known.broker_order_id,
    )


def position_mismatches(
    portfolio: Portfolio, theirs: Mapping[str, Decimal], outside: Mapping[str, Decimal]
) -> list[Mismatch]:
    """Return the positions that differ, after deducting shares held outside this run.

    Args:
        portfolio: Our portfolio.
        theirs: Signed shares at the broker, by symbol.
        outside: Signed shares held there that are not this run's, by symbol.
    """
    ours = {position.asset.symbol: position.amount for position in portfolio}
    found = []
    for symbol in sorted({*ours, *theirs, *outside}):
        here = ours.get(symbol, ZERO) + outside.get(symbol, ZERO)
        there = theirs.get(symbol, ZERO)
        if here != there:
            found.append(
                Mismatch(
                    f"position of {symbol}",
                    plain_text(here),
                    plain_text(there),
                    there - here,
                    symbol,
                )
            )
    return found


def order_mismatches(
    orders: OrderManager,
    known: Mapping[str, BrokerOrder],
    *,
    late: Container[str],
) -> list[Mismatch]:
    """Return open orders that the broker had accepted but no longer knows, or has ended
    as filled with a part missing that it does not report as filled either.

    Args:
        orders: Our orders.
        known: The broker's view of them, by order id.
        late: Ids of orders that the broker may not know yet.
    """
    found = []
    for order in orders.get_active_orders():
        if order.state not in ACCEPTED:
            continue
        theirs = known.get(order.id)
        if theirs is None:
            if order.id in late:
                continue
            ours, there = order.state.value, "unknown"
        elif theirs.state is OrderState.FILLED and order.filled == theirs.filled != theirs.amount:
            part, whole = plain_text(order.filled), plain_text(order.amount)
            ours, there = f"open with {part} of {whole} filled", "filled"
        else:
            continue
        symbol = order.asset.symbol
        found.append(Mismatch(f"order {order.id} ({symbol})", ours, there, None, symbol, order.id))
    return found


def listed(mismatches: Iterable[Mismatch]) -> str:
    """Return differences as one line of text."""
    return "; ".join(sorted(map(str, mismatches)))


def corrections(
    core: TradingCore,
    found: Iterable[Mismatch],
    at: datetime,
    *,
    prices: Mapping[str, Decimal],
) -> Iterator[Event]:
    """Yield the events that correct a run's books to match the broker.

    Args:
        core: The core.
        found: The differences.
        at: When the events happen, UTC.
        prices: Prices at which shares came or went, by symbol; of others, the last
            price counts.
    """
    assets = {asset.symbol: asset for asset in core.state.assets}
    for one in found:
        asset = assets.get(one.symbol)
        if one.gap is None:
            yield OrderUpdateEvent(
                timestamp=at,
                order_id=one.order_id,
                status=OrderState.CANCELED,
                reason=str(one),
            )
        elif asset is not None:
            yield PositionAdjustmentEvent(
                timestamp=at,
                symbol=one.symbol,
                amount=one.gap,
                price=prices[one.symbol] if one.symbol in prices else _last_price(core, asset),
                reason=f"{FOLLOWED}: {one}",
            )


# The last known price of an asset, zero if none is known.
def _last_price(core: TradingCore, asset: Asset) -> Decimal:
    known = core.state.marks.of(asset).price
    if not known.is_nan():
        return known
    price = core.state.market.price(asset.index)
    return ZERO if price != price else Decimal(repr(float(price)))  # noqa: PLR0124 - NaN
