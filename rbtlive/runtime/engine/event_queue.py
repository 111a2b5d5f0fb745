"""The queue of events to process, in the order of (priority, arrival).

The rule: only market data is ever refused. Order reports, operator actions and errors
are always accepted, whatever the limit, because nobody could request them again.
"""

from __future__ import annotations

from collections import deque

from rbtlive.errors import QueueEmpty, QueueFull, SettingsError
from rbtlive.model.events import Event, MarketDataEvent, Priority

_PRIORITIES = tuple(Priority)
_MARKET_DATA = int(Priority.MARKET_DATA)


class EventQueue:
    """A bounded queue with one lane per priority, first in, first out within a lane.

    Plain functions without locks: it belongs to its event loop's thread.

    Attributes:
        maxsize: Number of waiting events at which market data is refused.
        size: Number of waiting events, like `len()`.
        refused: Market data refused since the queue was created.
        taken: Events handed out since the queue was created.
        high_water: Maximum number of events that waited at once.
    """

    __slots__ = (
        "_bars",
        "_lane_of",
        "_lanes",
        "_urgent",
        "high_water",
        "maxsize",
        "refused",
        "size",
        "taken",
    )

    def __init__(self, maxsize: int = 1024) -> None:
        if isinstance(maxsize, bool) or not isinstance(maxsize, int) or maxsize < 1:
            raise SettingsError(
                f"maxsize of the event queue must be a whole number from 1 on: was {maxsize!r}; "
                "pass e.g. 1024"
            )
        self.maxsize = maxsize
        self.refused = self.taken = self.high_water = 0
        self._lanes: tuple[deque[Event], ...] = tuple(deque() for _ in Priority)
        self._bars = self._lanes[_MARKET_DATA]
        self._lane_of: dict[type, int] = {}
        self.size = 0
        self._urgent = 0  # how many waiting events go before market data

    def holds(self, event: Event) -> bool:
        """Say whether this very event is still waiting."""
        return any(one is event for one in tuple(self._lanes[event.priority]))

    def put(self, event: Event) -> None:
        """Add an event.

        Raises:
            QueueFull: `event` is market data and `maxsize` events already wait; then
                nothing changes.
            TypeError: `event` is not an event, or has an unknown priority.
        """
        size = self.size
        if type(event) is MarketDataEvent and size < self.maxsize:
            self._bars.append(event)
        else:
            self._put_other(event)
        self.size = size = size + 1
        if size > self.high_water:  # noqa: PLR1730 - `max` costs more than all the rest
            self.high_water = size

    # Puts any event except a slice that has room.
    def _put_other(self, event: Event) -> None:
        lane = self._lane_of.get(type(event), -1)
        if lane < 0:
            lane = self._learn(event)
        if lane != _MARKET_DATA:
            self._lanes[lane].append(event)
            self._urgent += 1
        elif self.size < self.maxsize:
            self._bars.append(event)
        else:
            self.refused += 1
            raise QueueFull(
                f"the event queue is full: {self.size} events wait, the limit for market data is "
                f"{self.maxsize}; "
                "let the engine process some, then put it again"
            )

    def get(self) -> Event:
        """Return the longest waiting event with the lowest priority number.

        Raises:
            QueueEmpty: no event waits.
        """
        if not self.size:
            raise QueueEmpty(
                "the event queue is empty: check len() first, or wait for the next event"
            )
        self.size -= 1
        self.taken += 1
        if not self._urgent:
            return self._bars.popleft()
        self._urgent -= 1
        return next(lane for lane in self._lanes if lane).popleft()

    def __len__(self) -> int:
        return self.size

    @property
    def accepted(self) -> int:
        """Events accepted since the queue was created."""
        return self.taken + self.size

    @property
    def is_full(self) -> bool:
        """Whether market data would be refused now."""
        return self.size >= self.maxsize

    def depth_by_priority(self) -> dict[Priority, int]:
        """Return how many events wait in each priority, empty ones included."""
        return {priority: len(self._lanes[priority]) for priority in _PRIORITIES}

    def _learn(self, event: Event) -> int:
        lane = int(event.priority) if isinstance(event, Event) else -1
        if not 0 <= lane <= _MARKET_DATA:
            raise TypeError(
                f"the queue takes events with a priority of 0 to {_MARKET_DATA}: was {event!r:.200}"
            )
        self._lane_of[type(event)] = lane  # the class decides, not the event
        return lane
