"""The run's orders as a broker lists them, and the news in them.

The rule: a list may lack orders that have ended, which are asked for one by one, and
orders that are new, which are no difference yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from rbtlive.brokers.base import BrokerAdapter, BrokerOrder
from rbtlive.model.events import Event, OrderFillEvent, OrderReplacedEvent
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.broker import asking
from rbtlive.runtime.broker import reconciliation as facts
from rbtlive.runtime.broker.account_splits import is_restated_first
from rbtlive.runtime.broker.corporate_news import awaits_split
from rbtlive.runtime.clock import Clock
from rbtlive.runtime.journal.state_folder import client_order_id

if TYPE_CHECKING:
    from rbtlive.core.state.order import Order
    from rbtlive.core.trading_core import TradingCore


class ListedOrders:
    """Asks for the orders of one run.

    Args:
        broker: The broker.
        run_id: The run's id, a prefix of every client order id.
        core: Returns the core.
        clock: Provides wall time and elapsed time.
        patience_s: For how many seconds an accepted order may not be listed.
    """

    def __init__(
        self,
        broker: BrokerAdapter,
        run_id: str,
        core: Callable[[], TradingCore],
        clock: Clock,
        patience_s: float,
    ) -> None:
        self._broker = broker
        self._run_id = run_id
        self._core = core
        self._patience_s = patience_s
        self._clock = clock
        self._listed: set[str] = set()
        self._missing_s: dict[str, float] = {}
        self._terms: dict[str, facts.Terms] = {}

    async def known(self) -> dict[str, BrokerOrder]:
        """Return the orders that the broker knows, by order id."""
        orders = await asking.orders(self._broker, prefix=f"{self._run_id}-")
        found = {facts.sequence_of(o.client_order_id, self._run_id): o for o in orders}
        known = {order_id: order for order_id, order in found.items() if order_id is not None}
        for order in self._accepted():
            if order.id not in known:
                client_id = client_order_id(self._run_id, int(order.id))
                answer = await asking.find_order(self._broker, client_id)
                if answer is not None:
                    known[order.id] = answer
        return known

    def late(self, known: Collection[str]) -> set[str]:
        """Return the accepted orders that the broker has not listed yet, and may list
        late.
        """
        now_s = self._clock.monotonic_ns() / 1e9
        accepted = {order.id for order in self._accepted()}
        self._listed = accepted & {*known, *self._listed}
        self._missing_s = {
            order_id: self._missing_s.get(order_id, now_s) for order_id in accepted - self._listed
        }
        return {
            order_id
            for order_id, since_s in self._missing_s.items()
            if now_s - since_s < self._patience_s
        }

    async def replacement_before(
        self, order: Order, fill: OrderFillEvent
    ) -> OrderReplacedEvent | None:
        """Return the replacement of an order by a larger one that filled before any
        look; None if the broker does not know one.
        """
        try:
            theirs = await asking.find_order(self._broker, fill.order_id)
        except Exception:  # noqa: BLE001 - whatever a user's adapter raises: the next look asks again
            return None
        replaced = theirs is not None and self._was_replaced(order, theirs)
        return facts.replacement(order, theirs) if theirs is not None and replaced else None

    def _was_replaced(self, order: Order, theirs: BrokerOrder) -> bool:
        return facts.was_replaced(order, theirs, self._terms.get(order.id))

    async def news(self, known: dict[str, BrokerOrder]) -> list[Event]:
        """Return the events that bring the run's orders to the broker's view."""
        orders = self._core().state.orders
        news: list[Event] = []
        for order_id, theirs in known.items():
            order = orders.get_order(order_id)
            if order is None:
                continue
            if theirs.filled != order.filled and not theirs.executions:
                answer = await asking.find_order(self._broker, theirs.client_order_id)
                theirs = answer or theirs  # noqa: PLW2901 - the fuller snapshot of the same order
            if self._was_replaced(order, theirs):
                # Its fills are handled by the next look: they may complete the original
                # amount, and a filled order cannot be replaced. After a split, its
                # terms are those of the coming session.
                if not is_restated_first(self._core(), order.asset, self._clock.now()):
                    news.append(facts.replacement(order, theirs))
                continue
            if order.state is not OrderState.CREATED:
                known_so_far = replace(
                    theirs,
                    executions=tuple(
                        one
                        for one in theirs.executions
                        if not awaits_split(self._core(), order.asset, one.at)
                    ),
                )
                news += facts.missing_events(order, known_so_far, orders.executions)
        self._terms = {
            order.id: facts.terms_of(known[order.id])
            for order in orders.get_active_orders()
            if order.id in known
        }
        return news

    def _accepted(self) -> list[Order]:
        active = self._core().state.orders.get_active_orders()
        return [order for order in active if order.state in facts.ACCEPTED]
