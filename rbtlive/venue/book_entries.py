"""Entries of the venue's book: orders, executions, cash activities, new symbols; and
the updates it sends.

The rule: entries record what happened; only the book creates and changes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from rbtlive.core.state.order import Order
from rbtlive.model.number import ZERO, to_money
from rbtlive.model.order_facts import OrderState
from rbtlive.venue.order_requests import OrderRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One execution.

    Attributes:
        id: Unique id.
        order: The order it belongs to.
        amount: Signed shares.
        price: Price per share.
        at: Time, UTC.
        cumulative: Unsigned shares of the order filled so far, including this
            execution.
        leaves: Unsigned shares of the order left after this execution.
    """

    id: UUID
    order: VenueOrder
    amount: Decimal
    price: Decimal
    at: datetime
    cumulative: Decimal
    leaves: Decimal


@dataclass(slots=True, eq=False)
class VenueOrder:
    """An order at the venue.

    Attributes:
        id: The venue's id.
        request: The client's request.
        order: Its state in the book.
        submitted: When it was received, UTC.
        updated: When it last changed, UTC.
        expiry_session: The session at whose end a day order expires.
        executions: Its executions, in order.
        ended: When it was filled, canceled or expired, UTC.
        replaces: The order that it replaced.
        replaced_by: The order that replaced it.
    """

    id: UUID
    request: OrderRequest
    order: Order
    submitted: datetime
    updated: datetime
    expiry_session: int
    executions: list[Execution] = field(default_factory=list)
    ended: datetime | None = None
    replaces: UUID | None = None
    replaced_by: UUID | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.order.is_open

    @property
    def average_price(self) -> Decimal | None:
        """Average price of the filled shares, None before the first."""
        filled = sum((e.amount for e in self.executions), ZERO)
        if not filled:
            return None
        return to_money(sum((e.amount * e.price for e in self.executions), ZERO) / filled)

    @property
    def asked_price(self) -> Decimal | None:
        """Its limit or its stop price; None for a market order."""
        return self.request.limit_price or self.request.stop_price

    def executed(self, name: UUID, *, amount: Decimal, price: Decimal, at: datetime) -> Execution:
        """Add an execution that the order has booked, and return it."""
        order = self.order
        execution = Execution(
            id=name,
            order=self,
            amount=amount,
            price=price,
            at=at,
            cumulative=abs(order.filled),
            leaves=abs(order.open_amount),
        )
        self.executions.append(execution)
        if order.state is OrderState.FILLED:
            self.ended = at
        return execution

    def expires_in(self, session: int) -> bool:
        """Say whether it is a day order that expires with this session."""
        return self.request.time_in_force == "day" and self.expiry_session <= session

    def change_symbol(self, change: SymbolChange) -> None:
        """Continue under the new symbol, if it is this asset's."""
        if self.request.symbol == change.symbol:
            self.request = replace(self.request, symbol=change.new_symbol)

    def restate(self, at: datetime) -> None:
        """Adopt the terms that a split gave its order; the size of a request in whole
        shares is rounded down.
        """
        order = self.order
        if not self.request.qty % 1:
            whole = order.amount - order.open_amount % 1
            order.replace_terms(whole, limit=order.limit, stop=order.stop)
        self.request = replace(
            self.request,
            qty=abs(order.amount),
            limit_price=order.limit,
            stop_price=order.stop,
        )
        self.updated = at


@dataclass(frozen=True, slots=True)
class CashActivity:
    """A change of the account's cash that was not an order.

    Attributes:
        id: Unique id.
        code: The broker's type of activity.
        amount: Signed money.
        at: Time, UTC.
        symbol: The asset concerned, if any.
    """

    id: UUID
    code: str
    amount: Decimal
    at: datetime
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class SymbolChange:
    """A new symbol of an asset.

    Attributes:
        symbol: The old symbol.
        new_symbol: The new symbol.
        session: Number of the first session under the new symbol.
    """

    symbol: str
    new_symbol: str
    session: int

    @property
    def names(self) -> tuple[str, str]:
        """The old and the new symbol."""
        return self.symbol, self.new_symbol


@dataclass(frozen=True, slots=True)
class Update:
    """Something that happened to an order: "new", "fill", "partial_fill", "canceled" or
    "expired".

    Attributes:
        event: The kind of event.
        order: The order.
        id: Unique id.
        at: Time, UTC.
        execution: The execution of a fill.
        position: Signed shares of the asset held after a fill.
    """

    event: str
    order: VenueOrder
    id: UUID
    at: datetime
    execution: Execution | None = None
    position: Decimal | None = None
