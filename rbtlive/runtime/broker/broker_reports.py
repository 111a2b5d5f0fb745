"""What is said about one broker: what became of an order, and what went wrong.

The rule: everything becomes an event for the queue.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.model.events import Event, OrderRejectEvent, OrderUpdateEvent, SystemErrorEvent
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.clock import Clock

_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+")
MOST_KINDS: Final = 100
"""Of one kind of request, so many different failures are counted one by one."""


def is_due(times: int, firsts: str = "1") -> bool:
    """Say whether what has happened so many times is to be said again: the first, the
    tenth, the hundredth … time.

    Args:
        times: How often it has happened.
        firsts: Digits that count; "123" adds the second, third, twentieth … time.
    """
    text = str(times).rstrip("0")
    return len(text) == 1 and text in firsts


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
        self._counts: dict[str, dict[str, int]] = {}

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
        if self._count(what, error) == 1:
            self.trouble(what, error)

    def trouble_counted(self, what: str, error: Exception) -> None:
        """Report that something failed that may fail again at every look: the first,
        the tenth, the hundredth … time of the same.
        """
        count = self._count(what, error)
        if is_due(count):
            self.trouble(what if count == 1 else f"{what} ({count:,} times)", error)

    def ended(self, what: str) -> int:
        """Forget what failed, since it has not failed again; return how often it
        did.
        """
        return sum(self._counts.pop(what, {}).values())

    def _count(self, what: str, error: Exception) -> int:
        # Numbers and addresses in a text make no other failure of it.
        counts = self._counts.setdefault(what, {})
        kind = _VARYING.sub("#", describe_error(error))
        if kind not in counts and len(counts) >= MOST_KINDS:
            kind = "any other"
        counts[kind] = counts.get(kind, 0) + 1
        return counts[kind]
