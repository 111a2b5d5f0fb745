"""From the feed into the queue.

The rule: bars are never dropped. While the queue is full the feed waits, and what it
gave that nobody took goes back to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from rbtlive.data.feeds.as_feed import DataFeed, StreamFeed
from rbtlive.errors import QueueFull
from rbtlive.model.events import Event, MarketDataEvent, SystemErrorEvent
from rbtlive.model.foreign_text import as_utf8, text_of
from rbtlive.runtime.engine.event_queue import EventQueue
from rbtlive.runtime.engine.loop_budget import LoopBudget

BATCH = 128
"""After so many events the other side has its turn: few enough to stay below the
threshold of a garbage collection, enough for the turn of the loop between them not to
count.
"""
BATCH_OF_ROWS = 256
"""The same where the feed is a stream of rows: the collector does not look at numbers,
and a journal is written half as often.
"""


class FeedPump:
    """Carries the events of one feed into a queue.

    Args:
        feed: Where they come from.
        queue: Where they go.
        loop_budget: Shared with the consumer, so that both rest at the same time
            and the queue stays short.
        wake: Wakes the consumer.

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
    ) -> None:
        self.done = False
        self._feed = feed
        self._queue = queue
        self._loop_budget = loop_budget
        self._wake = wake
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
            ):  # now, not when it is collected: what it holds goes back before what waits here
                await close()

    def note_taken(self) -> None:
        """Let the feed go on once half of a full queue has been taken."""
        if self._queue.size <= self._queue.maxsize // 2:
            self._space.set()

    def stop(self) -> None:
        """Carry nothing more, not even what is in hand."""
        self._stopping = True
        self._space.set()

    def give_back(self) -> None:
        """Give the feed what nobody took, the queue's included: an iterator cannot be
        asked for it twice.
        """
        waiting = [self._queue.get() for _ in range(self._queue.size)]
        if self._in_hand is not None:
            waiting.append(self._in_hand)
        self._feed.take_back([event for event in waiting if isinstance(event, MarketDataEvent)])

    async def _carry(self, stream: AsyncIterator[Event]) -> None:
        loop_budget, queue = self._loop_budget, self._queue
        put, now_ns = queue.put, loop_budget.now_ns
        batch = BATCH_OF_ROWS if isinstance(self._feed, StreamFeed) else BATCH
        async for event in stream:
            # `isinstance` costs half a microsecond where a model is of another class.
            if type(event) is not MarketDataEvent and not isinstance(event, Event):
                event = _no_event(event)  # noqa: PLW2901 - takes its place
            self._in_hand = event
            if self._stopping:
                return
            while True:
                try:
                    put(event)
                    break
                except QueueFull:
                    self._space.clear()
                    await self._space.wait()
                    if self._stopping:
                        return
            self._in_hand = None
            waiting = queue.size
            if waiting == 1:  # else the consumer was woken by the first
                self._wake()
            elif not waiting % batch:
                await asyncio.sleep(0)
            if now_ns() >= loop_budget.due_ns:
                await loop_budget.take()
        self.done = True
        self._wake()


# A feed of somebody else's may give anything; what is no event is named and left out.
def _no_event(given: object) -> Event:
    shown = text_of(given, "{!r:.200}".format)
    message = f"the feed gave a {type(given).__name__} instead of an event, left out: {shown}"
    began = datetime.fromtimestamp(0, UTC)
    return SystemErrorEvent(timestamp=began, message=as_utf8(message), source="feed")
