"""What to do: the core's only way to act on the world. Commands name the deed, events
what became of it.
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, ConfigDict


class Command(BaseModel):
    """Something a venue is asked to do."""

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
    """Take back whatever of an order has not filled."""


COMMAND_TYPES: dict[str, type[Command]] = {cls.__name__: cls for cls in (SubmitOrder, CancelOrder)}
