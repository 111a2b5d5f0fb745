"""Orders that cross zero, which Alpaca accepts only in two parts: close, then open.

The rule: both parts carry ids derived from the intent's own, and the second is sent
after the first has filled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from rbtlive.brokers.alpaca_answers import Answer
from rbtlive.brokers.alpaca_http import NoAnswer
from rbtlive.brokers.alpaca_intents import Intents, TwoParts
from rbtlive.brokers.alpaca_rules import SECOND_LEG
from rbtlive.errors import BrokerError, OrderRefused
from rbtlive.model.commands import SubmitOrder

PLACED = frozenset({200, 201})


class ThroughZero:
    """Splits the orders of one broker.

    Args:
        intents: The orders that belong to each client order id.
        positions: Queries the positions.
        post: Sends an order: the order, signed shares, client order id.
        placed: Called with the answer to a placed order; returns its id.
        look_up: Queries an order by client order id.
        tell: Reports that an order has ended: client order id and reason.
    """

    def __init__(
        self,
        intents: Intents,
        *,
        positions: Callable[[], Awaitable[dict[str, Decimal]]],
        post: Callable[[SubmitOrder, Decimal, str], Awaitable[Answer]],
        placed: Callable[[Answer, str], str],
        look_up: Callable[[str], Awaitable[Any]],
        tell: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._intents = intents
        self._positions = positions
        self._post = post
        self._placed = placed
        self._look_up = look_up
        self._tell = tell
        self._openings: set[asyncio.Task[None]] = set()

    async def split(self, order: SubmitOrder, client_order_id: str) -> str | None:
        """Send the closing part, and return its id; None if the order does not cross
        zero.

        Raises:
            OrderRefused: the closing part was refused.
        """
        held = (await self._positions()).get(order.symbol, Decimal(0))
        if not held or (held > 0) == (order.amount > 0) or abs(order.amount) <= abs(held):
            return None
        # The part is recorded before it is sent, because the stream may report its fill
        # before the answer arrives.
        self._intents.parts[client_order_id] = TwoParts(order=order, close=-held)
        answer = await self._post(order, -held, client_order_id)
        if answer.status not in PLACED:
            del self._intents.parts[client_order_id]
            raise refusal(answer, order.symbol, client_order_id)
        return self._placed(answer, client_order_id)

    def open_if_closed(self, client_order_id: str) -> None:
        """Send the opening part if the closing part has filled."""
        parts = self._intents.parts[client_order_id]
        if parts.sent or abs(parts.closed) < abs(parts.close):
            return
        parts.sent = True
        opening = asyncio.get_running_loop().create_task(
            self._open(client_order_id, parts), name=f"rbtlive opens {client_order_id}"
        )
        self._openings.add(opening)
        opening.add_done_callback(self._openings.discard)

    async def _open(self, client_order_id: str, parts: TwoParts) -> None:
        name = client_order_id + SECOND_LEG
        try:
            answer = await self._post(parts.order, parts.rest, name)
            if answer.status in PLACED:
                self._placed(answer, name)
                return
            reason = f"{answer.message} (HTTP status {answer.status})"
        except OrderRefused as refused:
            reason = str(refused)
        except BrokerError:
            reason = "the part that opens was not answered"
            try:
                if await self._look_up(name) is not None:
                    return
            except BrokerError:
                return  # polling finds it, or its end
        await self._tell(client_order_id, f"the position is closed, the rest was refused: {reason}")

    def close(self) -> None:
        """Stop sending."""
        for opening in self._openings:
            opening.cancel()


def refusal(answer: Answer, symbol: str, client_order_id: str) -> BrokerError:
    """Return the error for an answer to an order that was not placed: a final refusal,
    or an answer that says nothing about the order.
    """
    if 400 <= answer.status < 500 and answer.status not in {408, 425, 429}:
        return OrderRefused(
            f"{answer.message} (HTTP status {answer.status}) for {symbol} under {client_order_id}"
        )
    return NoAnswer(
        f"POST /v2/orders for {client_order_id}: {answer.message} (HTTP status {answer.status})"
    )
