"""Intents that are several orders at Alpaca: the two parts of an order that crosses
zero, and replacements.

The rule: an engine sees one order under the client order id that it sent; the orders
that belong to it are combined here, from the broker's reports.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from rbtlive.brokers.alpaca_rules import SECOND_LEG, base_id
from rbtlive.brokers.base import BrokerOrder
from rbtlive.model.commands import SubmitOrder
from rbtlive.model.number import ZERO
from rbtlive.model.order_facts import OPEN_STATES, OrderState


@dataclass(slots=True)
class TwoParts:
    """An order that crosses zero: the closing part is sent first, the opening part
    follows.

    Attributes:
        order: The original order.
        close: Signed shares of the first part.
        sent: Whether the second part was sent.
        closed: Signed shares that the first part has filled, according to the stream.
    """

    order: SubmitOrder
    close: Decimal
    sent: bool = False
    closed: Decimal = ZERO

    @property
    def rest(self) -> Decimal:
        """Signed shares of the second part."""
        return self.order.amount - self.close


class Intents:
    """The orders that belong to each client order id.

    Attributes:
        parts: Orders that cross zero, by client order id.
    """

    def __init__(self) -> None:
        self.parts: dict[str, TwoParts] = {}
        self._successors: dict[str, str] = {}
        self._second: set[str] = set()

    def note_successor(self, client_order_id: str, of: str) -> None:
        """Record that an order continues as another one."""
        self._successors[client_order_id] = self.intent_of(of)

    def intent_of(self, client_order_id: str) -> str:
        """Return the client order id under which the engine knows an order."""
        return base_id(self._successors.get(client_order_id, client_order_id))

    def has_second(self, client_order_id: str) -> bool:
        """Say whether an intent has a known second part at the broker."""
        parts = self.parts.get(client_order_id)
        return client_order_id in self._second or (parts is not None and parts.sent)

    def merged(self, orders: Iterable[BrokerOrder]) -> list[BrokerOrder]:
        """Return one order per intent, in the order of each intent's first order."""
        groups: dict[str, list[BrokerOrder]] = {}
        for order in orders:
            if order.client_order_id.endswith(SECOND_LEG):
                self._second.add(base_id(order.client_order_id))
            groups.setdefault(self.intent_of(order.client_order_id), []).append(order)
        return [self._one(intent, group) for intent, group in groups.items()]

    def _one(self, intent: str, group: list[BrokerOrder]) -> BrokerOrder:
        first, last = group[0], group[-1]
        parts = self.parts.get(intent)
        if len(group) == 1:
            if parts is None or parts.sent:
                return replace(first, client_order_id=intent)
            state = first.state
            if state is OrderState.FILLED:  # the opening part is still to come
                state = OrderState.PARTIALLY_FILLED
            return replace(first, client_order_id=intent, amount=parts.order.amount, state=state)
        filled = sum((order.filled for order in group), ZERO)
        state = last.state
        if state in OPEN_STATES and filled:
            state = OrderState.PARTIALLY_FILLED
        before = sum(
            (order.amount for order in group[:-1] if order.state is OrderState.FILLED), ZERO
        )
        before += sum((o.filled for o in group[:-1] if o.state is not OrderState.FILLED), ZERO)
        return replace(
            last,
            client_order_id=intent,
            amount=before + last.amount,
            filled=filled,
            state=state,
            executions=tuple(one for order in group for one in order.executions),
        )
