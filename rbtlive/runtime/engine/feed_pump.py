"""Move events from the feed into the queue.

The rule: bars are never dropped. While the queue is full the feed waits, and so it does
before a session if the daily bars of earlier ones are being requested; its unprocessed
bars go back to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from rbtlive.data.feeds.as_feed import DataFeed
from rbtlive.errors import QueueFull
from rbtlive.model.events import Event, MarketDataEvent, SystemErrorEvent
from rbtlive.model.foreign_text import as_utf8, text_of
from rbtlive.runtime.engine.event_queue import EventQueue
from rbtlive.runtime.engine.loop_budget import LoopBudget
from rbtlive.runtime.engine.session_gate import SessionGate

BATCH = 384
"""After this many events the consumer gets its turn: enough to fill half a block of the
journal, so that their rows are written once, and to make the loop's turn between them
negligible. Earlier turns follow from the loop's budget.
"""


class FeedPump:
    """Carries the events of one feed into a queue.

    Args:
        feed: The feed to read.
        queue: The queue to fill.
        loop_budget: Shared with the consumer, so that both pause at the same time and
            the queue stays short.
        wake: Wakes the consumer.
        sessions: Lets sessions begin; None begins each with its first slice.

    Attributes:
        done: Whether the feed has ended.
    """

    def __init__(
        self,
        feed: DataFeed,
        queue: EventQueue,
        *,
        loop_budget: LoopBudget,
        wake: Callable[[], None],
        sessions: SessionGate | None = None,
    ) -> None:
        self.done = False
        self._feed = feed
        self._queue = queue
        self._loop_budget = loop_budget
        self._wake = wake
        self._sessions = sessions
        self._space = asyncio.Event()
        self._stopping = False
        self._in_hand: Event | None = None

    async def run(self) -> None:
        """Carry events until the feed ends or `stop` is called."""
        stream = aiter(self._feed)
        try:
            await self._carry(stream)
        finally:
            close = getattr(stream, "aclose", None)
            if (
                close is not None
            ):  # close it now, not on collection: its events go back before those waiting here
                await close()

    def note_taken(self) -> None:
        """Resume the feed once half of a full queue has been processed."""
        if self._queue.size <= self._queue.maxsize // 2:
            self._space.set()

    def stop(self) -> None:
        """Move no more events, not even the current one."""
        self._stopping = True
        self._space.set()

    def give_back(self) -> None:
        """Return unprocessed events to the feed, including the queue's: an iterator
        cannot give them twice.
        """
        waiting = [self._queue.get() for _ in range(self._queue.size)]
        if self._in_hand is not None:
            waiting.append(self._in_hand)
        self._feed.take_back([event for event in waiting if isinstance(event, MarketDataEvent)])

    async def _carry(self, stream: AsyncIterator[Event]) -> None:
        loop_budget, queue = self._loop_budget, self._queue
        put, now_ns = queue.put, loop_budget.now_ns
        async for event in stream:
            # `isinstance` costs half a microsecond if the event's class is another
            # model.
            if type(event) is not MarketDataEvent and not isinstance(event, Event):
                event = _no_event(event)  # noqa: PLW2901 - replaces it
            self._in_hand = event
            try:
                begins = self._sessions is not None and event.timestamp > self._sessions.begun_until
            except TypeError:  # no moment: the engine names it
                begins = False
            if begins:
                await self._hold(event)
            while not self._stopping:
                try:
                    put(event)
                    break
                except QueueFull:
                    self._space.clear()
                    await self._space.wait()
            else:
                return
            self._in_hand = None
            waiting = queue.size
            if waiting == 1:  # otherwise the first one already woke the consumer
                self._wake()
            elif not waiting % BATCH:
                await asyncio.sleep(0)
            if now_ns() >= loop_budget.due_ns:
                await loop_budget.take()
        self.done = True
        self._wake()

    # Once all events are processed, the previous session is over and its missing days
    # have been requested.
    async def _hold(self, event: Event) -> None:
        assert self._sessions is not None
        while self._queue.size and not self._stopping:
            self._space.clear()
            await self._space.wait()
        await self._sessions.let_begin(event.timestamp)


# A custom feed may give anything; an item that is not an event is named and left out.
def _no_event(given: object) -> Event:
    shown = text_of(given, "{!r:.200}".format)
    message = f"the feed gave a {type(given).__name__} instead of an event, left out: {shown}"
    began = datetime.fromtimestamp(0, UTC)
    return SystemErrorEvent(timestamp=began, message=as_utf8(message), source="feed")
