"""Commands are the core's only way to act on the world. Commands name an action, events
its result.
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, ConfigDict


class Command(BaseModel):
    """A request to a venue."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    order_id: str


class SubmitOrder(Command):
    """Place an order. `amount` is signed; without `limit` and `stop` it is a market
    order.
    """

    symbol: str
    amount: Decimal
    limit: Decimal | None = None
    stop: Decimal | None = None


class CancelOrder(Command):
    """Cancel the unfilled part of an order."""
