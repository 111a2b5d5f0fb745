"""The adapter of the simulated venue: what one process knows of it, over the wire.

The rule: it does what every adapter has to do and nothing more; it never retries a
submission.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from rbtlive.brokers.base import (
    BrokerAccount,
    BrokerActivity,
    BrokerAdapter,
    BrokerOrder,
    CorporateActions,
)
from rbtlive.model.commands import SubmitOrder
from rbtlive.model.events import Event, OrderFillEvent, OrderReplacedEvent, OrderUpdateEvent
from rbtlive.model.order_facts import OrderState
from tests.simulation.disk import Killed
from tests.simulation.venue import Venue
from tests.simulation.wire import Pipe, TooManyError, Wire

RECONNECT_S = 0.7


class SimBroker(BrokerAdapter):
    """A broker elsewhere.

    Args:
        venue: The venue.
        wire: What lies between.
        reached: Called at every point where a process may die.
        sending: Called with the order's number before a submission leaves.
    """

    name: ClassVar[str] = "simulated"

    def __init__(
        self,
        venue: Venue,
        wire: Wire,
        *,
        reached: Callable[[str], None],
        sending: Callable[[str], None],
    ) -> None:
        self._venue = venue
        self._wire = wire
        self._reached = reached
        self._sending = sending
        self._pipe: Pipe | None = None
        self.disconnected = False

    async def connect(self) -> None:
        """Open the stream, so that nothing is missed from now on."""
        self._pipe = self._wire.connect("news")

    async def disconnect(self) -> None:
        """Close the stream."""
        self.disconnected = True
        if self._pipe is not None:
            self._pipe.close()

    async def submit_order(self, order: SubmitOrder, *, client_order_id: str) -> str | None:
        """Send an order, once."""
        self._sending(order.order_id)
        self._reached("before send")

        def arrive() -> str:
            broker_id = self._venue.submit(
                client_order_id, order.symbol, order.amount, order.limit, order.stop
            )
            with suppress(Killed):  # its sender is gone already
                self._reached("after send")
            return broker_id

        answer: str = await self._ask("submit", arrive)
        self._reached("after answer")
        return answer

    async def cancel_order(self, *, client_order_id: str) -> None:
        """Ask for a cancel."""
        self._reached("before send")
        await self._wire.ask("cancel", lambda: self._venue.cancel(client_order_id))

    async def events(self) -> AsyncIterator[Any]:
        """Yield what the stream tells, over as many connections as it takes."""
        while True:
            try:
                pipe = self._pipe = self._pipe or self._wire.connect("news")
                async for text in pipe:
                    facts = json.loads(text)
                    event = _event_of(facts) if "at" in facts else facts
                    if isinstance(event, OrderFillEvent):
                        self._reached("before fill")
                    yield event
            except (OSError, ValueError):  # broken, refused, or a message that was cut
                if self._pipe is not None:
                    self._pipe.close()
                self._pipe = None
            await asyncio.sleep(RECONNECT_S)

    async def find_order(self, client_order_id: str) -> BrokerOrder | None:
        """Ask for one order."""
        found: BrokerOrder | None = await self._wire.ask(
            "find", lambda: self._venue.find(client_order_id)
        )
        return found

    async def orders(self, *, prefix: str = "", open_only: bool = False) -> list[BrokerOrder]:
        """Ask for many."""
        found: list[BrokerOrder] = await self._ask(
            "orders", lambda: self._venue.orders(prefix, open_only=open_only)
        )
        return found

    async def positions(self) -> dict[str, Decimal]:
        """Ask for what is held."""
        held: dict[str, Decimal] = await self._ask("positions", self._venue.positions)
        return held

    async def activities(self) -> list[BrokerActivity]:
        """Ask what changed the cash beside orders."""
        found: list[BrokerActivity] = await self._ask("account", lambda: list(self._venue.paid))
        return found

    async def corporate_actions(self, symbols: Iterable[str]) -> CorporateActions:
        """Ask what happens to shares."""
        found: CorporateActions = await self._ask("account", self._venue.actions)
        return found

    # What was not processed, and says so, is sent again: it is the same request.
    async def _ask(self, where: str, handle: Callable[[], Any]) -> Any:
        while True:
            try:
                return await self._wire.ask(where, handle)
            except TooManyError as refusal:
                await asyncio.sleep(refusal.again_s)

    async def account(self) -> BrokerAccount:
        """Ask for an account without limits: this venue checks no money."""
        cash: Decimal = await self._ask("account", lambda: self._venue.cash)
        return BrokerAccount(cash=cash, equity=cash)


def _event_of(facts: dict[str, Any]) -> Event:
    at = datetime.fromisoformat(facts["at"])
    if "replaced" in facts:
        return OrderReplacedEvent(
            timestamp=at,
            order_id=facts["client_order_id"],
            amount=Decimal(facts["amount"]),
            limit=Decimal(facts["limit"]),
            broker_order_id=facts["broker_order_id"],
        )
    if "execution_id" in facts:
        return OrderFillEvent(
            timestamp=at,
            order_id=facts["client_order_id"],
            execution_id=facts["execution_id"],
            amount=Decimal(facts["amount"]),
            price=Decimal(facts["price"]),
            commission=Decimal(facts["commission"]),
        )
    return OrderUpdateEvent(
        timestamp=at,
        order_id=facts["client_order_id"],
        status=OrderState(facts["state"]),
        reason=facts["reason"],
        broker_order_id=facts["broker_order_id"],
    )
