"""What waits to be processed: events in the order of (priority, arrival).

Its rule: only market data is ever refused. What happened to orders, what a person did and what went wrong is always
taken, whatever the limit says, because nobody could ask for it again.
"""

from __future__ import annotations

from collections import deque

from rbtlive.errors import QueueEmpty, QueueFull, SettingsError
from rbtlive.model.events import Event, Priority

_MARKET_DATA = int(Priority.MARKET_DATA)


class EventQueue:
    """A bounded queue with one lane a priority, first in, first out within a lane.

    Plain functions without locks: it belongs to the thread of its event loop.

    Attributes:
        maxsize: Number of waiting events from which on market data is refused.
        accepted: Events taken in since the queue was made.
        refused: Market data refused since the queue was made.
        taken: Events handed out since the queue was made.
        high_water: The most events that ever waited together.
    """

    __slots__ = ("_lanes", "_size", "accepted", "high_water", "maxsize", "refused", "taken")

    def __init__(self, maxsize: int = 1024) -> None:
        if isinstance(maxsize, bool) or not isinstance(maxsize, int) or maxsize < 1:
            raise SettingsError(
                f"maxsize of the event queue must be a whole number from 1 on: was {maxsize!r}; pass e.g. 1024"
            )
        self.maxsize = maxsize
        self.accepted = self.refused = self.taken = self.high_water = 0
        self._lanes: tuple[deque[Event], ...] = tuple(deque() for _ in Priority)
        self._size = 0

    def put(self, event: Event) -> None:
        """Take an event in.

        Raises:
            QueueFull: `event` is market data and `maxsize` events wait already; nothing has changed.
            TypeError: `event` is no event, or has a priority that does not exist.
        """
        lane = event.priority if isinstance(event, Event) else -1
        if not 0 <= lane <= _MARKET_DATA:
            raise TypeError(
                f"the queue takes events with a priority of 0 to {_MARKET_DATA}: was {event!r:.200}"
            )
        if lane == _MARKET_DATA and self._size >= self.maxsize:
            self.refused += 1
            raise QueueFull(
                f"the event queue is full: {self._size} events wait, the limit for market data is {self.maxsize}; "
                "let the engine process some, then put it again"
            )
        self._lanes[lane].append(event)
        self._size += 1
        self.accepted += 1
        self.high_water = max(self.high_water, self._size)

    def get(self) -> Event:
        """Hand out the event that waits longest among those of the lowest priority number.

        Raises:
            QueueEmpty: nothing waits.
        """
        for lane in self._lanes:
            if lane:
                self._size -= 1
                self.taken += 1
                return lane.popleft()
        raise QueueEmpty("the event queue is empty: check len() first, or wait for the next event")

    def __len__(self) -> int:
        return self._size

    @property
    def is_full(self) -> bool:
        """Whether market data would be refused now."""
        return self._size >= self.maxsize

    def depth_by_priority(self) -> dict[Priority, int]:
        """Return how many events wait in each priority, empty ones included."""
        return {priority: len(self._lanes[priority]) for priority in Priority}
