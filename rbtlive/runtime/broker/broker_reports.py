"""What is said about one broker: what became of an order, and what went wrong.

The rule: everything becomes an event for the queue.
"""

from __future__ import annotations

from collections.abc import Callable

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.model.events import Event, OrderRejectEvent, OrderUpdateEvent, SystemErrorEvent
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.clock import Clock


class BrokerReports:
    """Makes events of what happens at one broker.

    Args:
        source: Name of the broker.
        clock: Tells wall time.
        tell: Takes events for the queue.
    """

    def __init__(self, source: str, clock: Clock, tell: Callable[[Event], None]) -> None:
        self.tell = tell
        self._source = source
        self._clock = clock
        self._reported: set[str] = set()

    def update(
        self,
        order_id: str,
        state: OrderState,
        *,
        reason: str = "",
        broker_order_id: str | None = None,
    ) -> None:
        """Report an order's state."""
        self.tell(
            OrderUpdateEvent(
                timestamp=self._clock.now(),
                order_id=order_id,
                status=state,
                reason=reason,
                broker_order_id=broker_order_id,
            )
        )

    def rejected(self, order_id: str, reason: str) -> None:
        """Report an order that the broker refused."""
        self.tell(OrderRejectEvent(timestamp=self._clock.now(), order_id=order_id, reason=reason))

    def trouble(self, what: str, error: Exception) -> None:
        """Report that something failed."""
        self.tell(
            SystemErrorEvent(
                timestamp=self._clock.now(),
                message=f"{what}: {describe_error(error)}",
                source=self._source,
            )
        )

    def trouble_once(self, what: str, error: Exception) -> None:
        """Report that something failed, unless the same was reported before."""
        text = f"{what}: {describe_error(error)}"
        if text not in self._reported:
            self._reported.add(text)
            self.trouble(what, error)
