"""The state that the parts of one engine share: a run's core, its journal, and its
connections.

The rule: it only stores. The code that acts on it imports it; it imports none of that
code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rbtlive.brokers.base import BrokerAdapter
    from rbtlive.core.trading_core import TradingCore
    from rbtlive.data.feeds.as_feed import DataFeed
    from rbtlive.model.commands import Command
    from rbtlive.model.events import Event, OrderFillEvent
    from rbtlive.model.interval import Interval
    from rbtlive.runtime.broker.broker_link import BrokerLink
    from rbtlive.runtime.clock import Clock
    from rbtlive.runtime.engine.dispatcher import EventDispatcher
    from rbtlive.runtime.journal.journal import Journal
    from rbtlive.runtime.journal.recorder import Recorder


@dataclass(slots=True, kw_only=True)
class LiveRun:
    """One run of an engine.

    Attributes:
        broker: Receives orders.
        feed: Provides bars.
        journal: Records everything.
        clock: Provides wall time.
        dispatcher: Passes events to their handlers.
        enqueue: Puts an event into the engine's queue.
        on_message: Called with level and text of messages for the operator.
        recorder: Writes the run's rows, or checks them against the earlier ones.
        core: The run's core; it is replaced when the run restarts.
        link: The connection to a real broker; None before it exists, and on paper.
        last_slice: END of the last slice processed; None before the first.
        given_up: Another engine has taken over the run; this one processes no more.
    """

    broker: BrokerAdapter
    feed: DataFeed
    journal: Journal
    clock: Clock
    dispatcher: EventDispatcher
    enqueue: Callable[[Event], None]
    on_message: Callable[[str, str], None]
    recorder: Recorder = field(init=False)
    core: TradingCore = field(init=False)
    link: BrokerLink | None = None
    last_slice: datetime | None = None
    given_up: bool = False

    @property
    def has_core(self) -> bool:
        """Whether a core has been made."""
        return hasattr(self, "core")

    @property
    def interval(self) -> Interval:
        """Length of a bar of the run."""
        return self.core.state.settings.interval

    def keep_start(self) -> None:
        """Fix the run's start, because the run is being stopped."""
        self.core.state.callbacks.begins_later = False

    def enqueue_if(self, event: Event | None) -> None:
        """Put an event into the queue, unless it is None."""
        if event is not None:
            self.enqueue(event)

    def hand_over(self, commands: list[Command]) -> None:
        """Journal the strategy's commands durably, and then send them."""
        if not commands:
            return
        self.recorder.intents(self.core, commands)
        if self.recorder.replaying:
            if self.broker.simulated:
                self.core.acknowledge(commands)
            return
        self.journal.commit(durable=True)
        if self.link is None:
            self.core.acknowledge(commands)
        else:
            self.link.send(commands)

    def on_simulated_fill(self, event: OrderFillEvent) -> None:
        """Journal the simulated venue's fill, book it, and pass it to the handlers."""
        self.recorder.derived_fill(event)
        self.core.process(event)
        if not self.recorder.replaying:
            self.dispatcher.dispatch_now(event, recorded=True)
