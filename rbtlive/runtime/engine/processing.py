"""Process one event: breakers check, the core processes it, its commands are sent.

The rule: an event is journaled before it comes here; the core's commands are journaled
before they are sent.
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

from rbtlive.model.events import (
    CircuitBreakerEvent,
    DecisionAgeEvent,
    Event,
    MarketDataEvent,
    OperatorCallEvent,
    OperatorEvent,
    OrderFillEvent,
    OrderRejectEvent,
    OrderReplacedEvent,
    OrderUpdateEvent,
    PastDaysEvent,
    ScheduledTriggerEvent,
    SystemErrorEvent,
)
from rbtlive.runtime.engine.account_side import OPENING_EVENTS

if TYPE_CHECKING:
    from rbtlive.runtime.engine.account_side import AccountSide
    from rbtlive.runtime.engine.breakers import BreakerWatch
    from rbtlive.runtime.engine.cores import CoreMaker
    from rbtlive.runtime.engine.live_run import LiveRun
    from rbtlive.runtime.engine.meters import Meters
    from rbtlive.runtime.engine.refused_orders import RefusedOrders

CORE_EVENTS = (
    DecisionAgeEvent,
    OperatorCallEvent,
    OrderReplacedEvent,
    *OPENING_EVENTS,
    PastDaysEvent,
    OrderFillEvent,
    OrderUpdateEvent,
    OrderRejectEvent,
    ScheduledTriggerEvent,
    CircuitBreakerEvent,
    OperatorEvent,
    SystemErrorEvent,
)
"""Events other than slices that a core processes."""


class EventProcessor:
    """Passes the events of one run to its core.

    Args:
        run: The run.
        cores: Creates the run's cores.
        account_side: The run's account.
        breakers: The run's breakers.
        refusals: The run's refused orders.
        meters: The run's meters.

    Attributes:
        last_bars: The last slice with bars since this was reset.
    """

    def __init__(
        self,
        run: LiveRun,
        cores: CoreMaker,
        account_side: AccountSide,
        breakers: BreakerWatch,
        refusals: RefusedOrders,
        meters: Meters,
    ) -> None:
        self.last_bars: MarketDataEvent | None = None
        self._run = run
        self._cores = cores
        self._account_side = account_side
        self._breakers = breakers
        self._refusals = refusals
        self._meters = meters
        self._times_callbacks = run.feed.is_live and breakers.limits.max_callback_s is not None

    def register(self) -> None:
        """Register with the run's dispatcher."""
        register = self._run.dispatcher.register_handler
        register(MarketDataEvent, self.on_slice, critical=True)
        for event_type in CORE_EVENTS:
            register(event_type, self.on_event, critical=True)
        self._cores.universe.register()

    def on_slice(self, event: MarketDataEvent) -> None:
        """Process a slice."""
        run = self._run
        if run.last_slice is None:
            run.last_slice = event.timestamp
            self._begin_at(event)
        if self._times_callbacks:
            self._process_timed(event)
        else:
            commands = run.core.process(event)
            if commands:
                run.hand_over(commands)
        if event.__dict__.get("bars", True):  # an empty slice does not count
            self.last_bars = event
        if self._breakers.has_checks:
            run.enqueue_if(self._breakers.check(run.core))

    def _begin_at(self, event: MarketDataEvent) -> None:
        run = self._run
        if self._cores.begin_at(event):
            # initialize has already printed, and changes of the books were logged.
            state = run.core.state
            tell, state.on_message = state.on_message, _say_nothing
            with contextlib.redirect_stdout(io.StringIO()):
                run.hand_over(run.core.start())
                for opening in self._account_side.opening:
                    run.hand_over(run.core.process(opening))
            state.on_message = tell
        self._account_side.opening.clear()

    def on_event(self, event: Event) -> None:
        """Process any other event."""
        run, order = self._run, None
        if isinstance(event, SystemErrorEvent):
            self._meters.errors += 1
        elif isinstance(event, (OrderRejectEvent, OrderUpdateEvent, OrderFillEvent)):
            order = self._refusals.open_order(event.order_id)
            run.enqueue_if(self._breakers.check_refusals(run.core, event))
        if isinstance(event, OrderFillEvent) and self._is_booked(event):
            return
        if self._times_callbacks:
            self._process_timed(event)
        else:
            self.process(event)
        if order is not None:
            self._refusals.note_ended(order)

    def _is_booked(self, event: OrderFillEvent) -> bool:
        return event.execution_id in self._run.core.state.orders.executions

    def _process_timed(self, event: Event) -> None:
        clock = self._run.clock
        started_ns = clock.monotonic_ns()
        self.process(event)
        took_s = (clock.monotonic_ns() - started_ns) / 1e9
        self._run.enqueue_if(self._breakers.check_callbacks(self._run.core, took_s))

    def process(self, event: Event) -> None:
        """Pass an event to the core, and its commands to the broker."""
        run = self._run
        if run.last_slice is None:  # the first live slice may restart the run
            self._account_side.note_opening(event)
        resumes = isinstance(event, OperatorEvent) and event.action == "resume"
        stood_still = resumes and run.core.state.trading_state != "running"
        run.hand_over(run.core.process(event))
        if stood_still:
            self._breakers.note_resumed(run.core)


def _say_nothing(_level: str, _text: str) -> None:
    pass
