"""What the venue's book holds: orders, executions, cash activities, new symbols; and
the updates it sends.

The rule: entries say what happened; only the book makes and changes them.
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
        id: Unique.
        order: The order it belongs to.
        amount: Signed shares.
        price: Price a share.
        at: When, UTC.
        cumulative: Unsigned shares of the order filled with it.
        leaves: Unsigned shares of the order left after it.
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
        id: The venue's name for it.
        request: What was asked for.
        order: Its life in the book.
        submitted: When it came, UTC.
        updated: When it last changed, UTC.
        expiry_session: The session at whose end a day order expires.
        executions: Its executions, in order.
        ended: When it was filled, canceled or expired, UTC.
        replaces: The order that it took the place of.
        replaced_by: The order that took its place.
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
        """Its limit or its stop; None of a market order."""
        return self.request.limit_price or self.request.stop_price

    def executed(self, name: UUID, *, amount: Decimal, price: Decimal, at: datetime) -> Execution:
        """Add an execution that its order has booked, and return it."""
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
        """Say whether it is for the day, and its day is over with this session."""
        return self.request.time_in_force == "day" and self.expiry_session <= session

    def change_symbol(self, change: SymbolChange) -> None:
        """Go on under the new symbol, if it is its own."""
        if self.request.symbol == change.symbol:
            self.request = replace(self.request, symbol=change.new_symbol)

    def restate(self, at: datetime) -> None:
        """Take the terms that a split has made of its order; the size of what was asked
        for in whole shares is rounded down.
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
    """Something that changed the account's cash and was no order.

    Attributes:
        id: Unique.
        code: The broker's type of it.
        amount: Signed money.
        at: When, UTC.
        symbol: The asset it is about, if it is about one.
    """

    id: UUID
    code: str
    amount: Decimal
    at: datetime
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class SymbolChange:
    """Another symbol for an asset.

    Attributes:
        symbol: What it was called.
        new_symbol: What it is called then.
        session: Number of the first session under the new symbol.
    """

    symbol: str
    new_symbol: str
    session: int

    @property
    def names(self) -> tuple[str, str]:
        """What it was called, and what it is called then."""
        return self.symbol, self.new_symbol


@dataclass(frozen=True, slots=True)
class Update:
    """Something that happened to an order: "new", "fill", "partial_fill", "canceled" or
    "expired".

    Attributes:
        event: What.
        order: To which.
        id: Unique.
        at: When, UTC.
        execution: The execution of a fill.
        position: Signed shares of the asset held after a fill.
    """

    event: str
    order: VenueOrder
    id: UUID
    at: datetime
    execution: Execution | None = None
    position: Decimal | None = None
