"""Close positions at a real broker, never more than it holds for the run.

The rule: cancels go first, then the broker is asked for its holdings, then at most
those are closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.model.events import CircuitBreakerEvent, Event, OperatorEvent, SystemErrorEvent
from rbtlive.runtime.broker.books_watch import BooksWatch
from rbtlive.runtime.clock import Clock

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore

CANCELS_WITHIN_S = 2.0
"""How long a flatten waits for its cancels before it closes positions."""
CLOSE_WITHIN_S = 10.0
"""How long a flatten asks for the broker's holdings before it gives up."""
ASK_AGAIN_S = 0.5
CHECK_S = 0.02


class ClosingOut:
    """Closes positions of one run.

    Args:
        core: Returns the core.
        watch: Returns the account's holdings for the run.
        tell: Puts events into the queue.
        clock: Provides the time.

    Attributes:
        going_on: Number of requests to close positions in progress.
    """

    def __init__(
        self,
        *,
        core: Callable[[], TradingCore],
        watch: BooksWatch,
        tell: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        self.going_on = 0
        self._core = core
        self._watch = watch
        self._tell = tell
        self._clock = clock

    @staticmethod
    def held_back(event: Event) -> tuple[Event, OperatorEvent | None]:
        """Return the event to process now, and the one that waits until the broker has
        reported its holdings.
        """
        if isinstance(event, OperatorEvent) and event.at_most is None:
            if event.action in {"flatten", "close"}:
                return event.model_copy(update={"at_most": {}}), event
        elif isinstance(event, CircuitBreakerEvent) and event.action == "flatten":
            later = OperatorEvent(
                timestamp=event.timestamp, action="flatten", reason=f"{event.name}: {event.reason}"
            )
            return event.model_copy(update={"action": "halt"}), later
        return event, None

    async def close_out(self, event: OperatorEvent) -> None:
        """Close the positions that `event` names."""
        self.going_on += 1
        try:
            if event.reason:
                self._tell(event.model_copy(update={"at_most": {}}))
                await asyncio.sleep(0)
            await self._await_cancels(event)
            self._tell(event.model_copy(update={"at_most": await self._share_in_time()}))
        except Exception as failure:  # noqa: BLE001 - the outermost frame of a task
            message = f"{event.action}: nothing was closed: {describe_error(failure)}"
            self._tell(
                SystemErrorEvent(timestamp=self._clock.now(), message=message, source="broker")
            )
        finally:
            self.going_on -= 1

    async def _await_cancels(self, event: OperatorEvent) -> None:
        orders = self._core().state.orders
        until_s = self._now_s() + CANCELS_WITHIN_S
        while self._now_s() < until_s and any(  # noqa: ASYNC110 - orders change with every event
            event.action == "flatten" or order.asset.symbol == event.symbol
            for order in orders.get_active_orders()
        ):
            await asyncio.sleep(CHECK_S)

    async def _share_in_time(self) -> dict[str, Decimal]:
        until_s = self._now_s() + CLOSE_WITHIN_S
        while True:
            try:
                return await self._watch.share()
            except Exception:
                if self._now_s() >= until_s:
                    raise
                await asyncio.sleep(ASK_AGAIN_S)

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9
