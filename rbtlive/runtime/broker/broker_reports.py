"""Reports about one broker: results of orders, and failures.

The rule: every report becomes an event for the queue.
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
"""For each kind of request, this many different failures are counted separately."""


def is_due(times: int, firsts: str = "1") -> bool:
    """Say whether to report the n-th occurrence: the first, the tenth, the hundredth
    and so on.

    Args:
        times: Number of occurrences so far.
        firsts: Leading digits that count; "123" adds the second, third, twentieth and
            so on.
    """
    text = str(times).rstrip("0")
    return len(text) == 1 and text in firsts


class BrokerReports:
    """Creates events for what happens at one broker.

    Args:
        source: Name of the broker.
        clock: Provides wall time.
        tell: Puts events into the queue.
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
        """Report a failure."""
        self._say(f"{what}: {describe_error(error)}")

    def objection_once(self, what: str, text: str) -> None:
        """Report that an answer cannot be, unless the same was already reported."""
        if self._count(what, text) == 1:
            self._say(text)

    def trouble_once(self, what: str, error: Exception) -> None:
        """Report a failure, unless the same one was already reported."""
        if self._count(what, describe_error(error)) == 1:
            self.trouble(what, error)

    def trouble_counted(self, what: str, error: Exception) -> None:
        """Report a failure that may recur at every look: the first, tenth, hundredth
        time and so on.
        """
        count = self._count(what, describe_error(error))
        if is_due(count):
            self.trouble(what if count == 1 else f"{what} ({count:,} times)", error)

    def ended(self, what: str) -> int:
        """Forget a failure that has stopped; return how often it occurred."""
        return sum(self._counts.pop(what, {}).values())

    def _say(self, text: str) -> None:
        stamp = self._clock.now()
        self.tell(SystemErrorEvent(timestamp=stamp, message=text, source=self._source))

    def _count(self, what: str, text: str) -> int:
        # Texts that differ only in numbers and addresses count as the same failure.
        counts = self._counts.setdefault(what, {})
        kind = _VARYING.sub("#", text)
        if kind not in counts and len(counts) >= MOST_KINDS:
            kind = "any other"
        counts[kind] = counts.get(kind, 0) + 1
        return counts[kind]
