"""Facts about orders: the states an order can be in, and what a fill did."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from rbtlive.model.asset import Asset


class OrderState(StrEnum):
    """The state of an order. Values are the lower-case names that result frames
    show.
    """

    CREATED = "created"
    SUBMITTED = "submitted"
    PENDING = "pending"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DENIED = "denied"
    UNKNOWN = "unknown"

    @property
    def is_open(self) -> bool:
        """Whether an order in this state may still fill."""
        return self in OPEN_STATES


OPEN_STATES = frozenset(
    {
        OrderState.CREATED,
        OrderState.SUBMITTED,
        OrderState.PENDING,
        OrderState.PARTIALLY_FILLED,
        OrderState.UNKNOWN,
    }
)
"""States in which an order may still fill."""

CLOSED_STATES = frozenset(OrderState) - OPEN_STATES

ZIPLINE_STATUS = {
    OrderState.FILLED: 1,
    OrderState.CANCELED: 2,
    OrderState.EXPIRED: 2,
    OrderState.REJECTED: 3,
    OrderState.DENIED: 3,
}


class OrderStatus(int):
    """An order's status: equal to zipline's int, and named like our own state.

    `order.status == 1` and `order.status == OrderState.FILLED` are both True for a
    filled order.
    """

    state: OrderState

    def __new__(cls, state: OrderState) -> Self:
        """Return the status of `state`."""
        status = super().__new__(cls, ZIPLINE_STATUS.get(state, 0))
        status.state = state
        return status

    @property
    def name(self) -> str:
        """Upper-case name of the state."""
        return self.state.name

    @property
    def value(self) -> str:
        """Lower-case name of the state, as result frames show it."""
        return self.state.value

    def __eq__(self, other: object) -> bool:
        if isinstance(other, OrderStatus):
            return self.state is other.state
        if isinstance(other, str):
            return self.state.value == other.lower()
        return int.__eq__(self, other) if isinstance(other, int) else NotImplemented

    __hash__ = int.__hash__

    def __repr__(self) -> str:
        return f"OrderStatus.{self.name}"

    def __str__(self) -> str:
        return self.value


class Transaction(NamedTuple):
    """One execution against one order.

    Attributes:
        dt: Time of the execution, UTC.
        asset: The traded asset.
        amount: Signed shares.
        price: Price per share.
        commission: Money charged for this execution.
        order_id: The order it belongs to; None for a position closed because its asset
            left the market.
        execution_id: The venue's unique id.
    """

    dt: datetime
    asset: Asset
    amount: Decimal
    price: Decimal
    commission: Decimal
    order_id: str | None
    execution_id: str
