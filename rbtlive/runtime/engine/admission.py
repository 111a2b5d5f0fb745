"""What may not be given to a run: judged before it is journaled.

The rule: an event that the core could not take in, or that the journal could not give
back, becomes a SystemErrorEvent that names it. A run is never lost to one input.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.data.calendars.calendar import us_of
from rbtlive.data.feeds.bar_rows import plain_bar
from rbtlive.data.feeds.list_judge import FEWEST
from rbtlive.data.feeds.slices import SliceBuilder
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.model.bar import Bar
from rbtlive.model.events import (
    EVENT_TYPES,
    TRIGGERS,
    Event,
    MarketDataEvent,
    OrderFillEvent,
    OrderRejectEvent,
    OrderUpdateEvent,
    ScheduledTriggerEvent,
    SystemErrorEvent,
    trusted_slice,
)
from rbtlive.model.foreign_text import as_utf8
from rbtlive.runtime.engine.quarantine import objection
from rbtlive.runtime.journal.codec import decode_event, encode_event

if TYPE_CHECKING:
    from rbtlive.core.run_state import RunState
    from rbtlive.data.feeds.data_feed import DataFeed
    from rbtlive.runtime.engine.event_queue import EventQueue

LARGEST = Decimal(10) ** 15
"""Prices and amounts beyond it cannot be traded, and overflow 38 digits."""
_ORDER_NUMBER = re.compile(r"[0-9]{1,9}")
_MESSAGE_LIMIT = 2000


def judged(state: RunState, event: Event, *, source: str) -> Event:
    """Return an event, or the SystemErrorEvent that takes its place.

    Args:
        state: The run's, as it is when the event's turn has come: two executions may
            each be right, and too much together.
        event: Anything but a slice.
        source: Who reported it, for the message.
    """
    try:
        wrong = _objection(state, event)
    except Exception as failure:  # noqa: BLE001 - an event may be made of anything
        wrong = f"{type(event).__name__} cannot be taken in: {describe_error(failure)}"
    if wrong is None:
        return event
    stamp = getattr(event, "timestamp", None)
    when = stamp if isinstance(stamp, datetime) and stamp.tzinfo is not None else state.now
    text = as_utf8(wrong[:_MESSAGE_LIMIT])
    return SystemErrorEvent(timestamp=when, message=text, source=source)


class SliceJudge:
    """Judges slices that did not come from a feed of this package.

    Args:
        state: The run's.
        latest: Gives the END of the latest bar that can be right; None for sources
            of the past.
    """

    def __init__(self, state: RunState, latest: datetime | None = None) -> None:
        settings = state.settings
        self._state = state
        self._latest = latest
        self._axis = SlotAxis(state.calendar, frequency=settings.interval)

    def admit(self, event: MarketDataEvent, last: datetime | None) -> Iterator[Event]:
        """Yield the slice as it can be taken in, and a SystemErrorEvent for whatever
        was wrong with it.

        Args:
            event: What was given.
            last: END of the last slice that was processed; None before the first.
        """
        latest = self._latest
        builder = SliceBuilder(
            self._axis,
            symbols=[asset.symbol for asset in self._state.assets],
            after=last,
            latest=None if latest is None else lambda: latest,
        )
        try:
            events = list(self._events(builder, event, last))
        except Exception as failure:  # noqa: BLE001 - a slice may be made of anything
            yield self._refused(event, f"it cannot be taken in: {describe_error(failure)}")
            return
        yield from events

    def _events(
        self, builder: SliceBuilder, event: MarketDataEvent, last: datetime | None
    ) -> Iterator[Event]:
        wrong = self._misplaced(event, last)
        if wrong is not None:
            yield self._refused(event, wrong)
            return
        yield from builder.add(event)

    def _misplaced(self, event: MarketDataEvent, last: datetime | None) -> str | None:
        if type(event) is not MarketDataEvent:
            return f"its class {type(event).__name__} cannot be read back from a journal"
        stamp = event.timestamp
        if not isinstance(stamp, datetime) or stamp.utcoffset() is None:
            return f"timestamp must be an aware date-time: was {stamp!r:.80}"
        if last is not None and stamp <= last:
            return f"the slices up to {last.isoformat()} are over: it came twice or out of order"
        if self._axis.slot_of(stamp) != us_of(stamp):
            return f"no slice of calendar {self._state.calendar.name} ends at this time"
        end = self._state.settings.end
        if end is not None and stamp > self._state.calendar.close(self._state.calendar.number(end)):
            return f"it comes after the run's last session, {end}"
        if not isinstance(event.bars, dict):
            return f"bars must be a mapping of symbols to bars: was {type(event.bars).__name__}"
        return None

    def _refused(self, event: Event, reason: str) -> SystemErrorEvent:
        stamp = getattr(event, "timestamp", None)
        message = f"slice at {stamp!s:.40} left out: {reason}; the run goes on without it"
        clean = as_utf8(message[:500])
        return SystemErrorEvent(timestamp=self._state.now, message=clean, source="feed")


class OrdinarySlices:
    """Knows at a glance a slice that the judge would leave as it is: a few bars of
    ordinary numbers, of assets that the run has, one interval after the last slice.

    A judged slice costs 200 µs, one of these 5: a feed of one's own gives little else.

    Args:
        state: The run's.
    """

    def __init__(self, state: RunState) -> None:
        settings = state.settings
        self._state = state
        self._axis = SlotAxis(state.calendar, frequency=settings.interval)
        self._stretch = (0, 0)
        self._symbols: frozenset[str] = frozenset()
        self._end_us: int | None = None
        if settings.end is not None:
            calendar = state.calendar
            self._end_us = us_of(calendar.close(calendar.number(settings.end)))

    def taken(
        self, event: MarketDataEvent, last: datetime | None, latest: datetime | None
    ) -> MarketDataEvent | None:
        """Return the slice as it can be taken in; None leaves it to the judge.

        Args:
            event: What was given.
            last: END of the last slice that was processed; None before the first.
            latest: END of the latest bar that can be right; None for sources of the
                past.
        """
        try:
            return self._taken(event, last, latest)
        except Exception:  # noqa: BLE001 - a slice may be made of anything
            return None

    def _taken(
        self, event: MarketDataEvent, last: datetime | None, latest: datetime | None
    ) -> MarketDataEvent | None:
        if type(event) is not MarketDataEvent or last is None:
            return None
        stamp, bars = event.timestamp, event.bars
        if (
            type(stamp) is not datetime
            or stamp.tzinfo is not UTC
            or type(bars) is not dict
            or not 0 < len(bars) < FEWEST
            or not self._follows(us_of(stamp), us_of(last))
            or (latest is not None and stamp > latest)
        ):
            return None
        if len(self._symbols) != len(self._state.assets):
            self._symbols = frozenset(asset.symbol for asset in self._state.assets)
        for symbol, bar in bars.items():
            if (
                type(bar) is not Bar
                or symbol not in self._symbols
                or plain_bar(bar) is None
                or bar.symbol != symbol
                or bar.timestamp != stamp
            ):
                return None
        return trusted_slice(stamp, dict(bars))

    # Whether it is the next slice, in bars that follow each other without a break.
    def _follows(self, us: int, last_us: int) -> bool:
        begin_us, end_us = self._stretch
        if not begin_us < us <= end_us:
            begin_us, end_us = self._stretch = self._axis.stretch(us)
        return (
            begin_us < last_us < us <= end_us
            and us - last_us == self._axis.step_us
            and (us - begin_us) % self._axis.step_us == 0
            and (self._end_us is None or us <= self._end_us)
        )


class Intake:
    """Knows which slices in the queue are still to be judged.

    Args:
        queue: Where they wait.
    """

    def __init__(self, queue: EventQueue) -> None:
        self._queue = queue
        self._foreign: deque[Event] = deque()
        self._last_stamp = datetime.min.replace(tzinfo=UTC)
        self._ordinary: OrdinarySlices | None = None

    def put(self, event: Event) -> None:
        """Put an event from outside into the queue.

        Raises:
            QueueFull: it is a slice, and too many events wait.
        """
        self._queue.put(event)
        if isinstance(event, MarketDataEvent):
            self._foreign.append(event)

    def put_of(self, feed: DataFeed) -> Callable[[Event], None]:
        """Return how a feed's events go into the queue: those of this package's feeds
        are in order and checked.
        """
        is_own = type(feed).__module__.partition(".")[0] == __name__.partition(".")[0]
        return self._queue.put if is_own else self.put

    def trusts(self, event: MarketDataEvent) -> bool:
        """Say whether a slice from the queue needs no judging; it then counts as the
        last one.
        """
        is_foreign = bool(self._foreign) and self._foreign[0] is event
        if is_foreign or not event.timestamp > self._last_stamp:
            return False
        self._last_stamp = event.timestamp
        return True

    def admit(
        self,
        state: RunState,
        event: MarketDataEvent,
        last: datetime | None,
        now: datetime | None,
    ) -> Iterator[Event]:
        """Yield what of a slice from outside can be taken in, and what was wrong.

        Args:
            state: The run's.
            event: The slice.
            last: END of the last slice that was processed.
            now: What time it is; None for feeds of the past.
        """
        if self._foreign and self._foreign[0] is event:
            self._foreign.popleft()
        latest = None if now is None else now + state.settings.interval.duration
        if self._ordinary is None:
            self._ordinary = OrdinarySlices(state)
        taken = self._ordinary.taken(event, last, latest)
        if taken is not None:
            self._last_stamp = taken.timestamp
            yield taken
            return
        for admitted in SliceJudge(state, latest).admit(event, last):
            if isinstance(admitted, MarketDataEvent):
                self._last_stamp = admitted.timestamp
            yield admitted


def _objection(state: RunState, event: Event) -> str | None:
    kind = type(event)
    if EVENT_TYPES.get(kind.__name__) is not kind:
        return f"{kind.__name__} is no event that a journal can give back: it is not taken in"
    if isinstance(event, OrderFillEvent):
        wrong = _wrong_size(event) or objection(state.orders, event)
    elif isinstance(event, (OrderUpdateEvent, OrderRejectEvent)):
        wrong = _unknown_order(state, event.order_id)
    elif isinstance(event, ScheduledTriggerEvent):
        wrong = _wrong_trigger(state, event)
    elif isinstance(event, SystemErrorEvent):
        wrong = event.message[:_MESSAGE_LIMIT] if len(event.message) > _MESSAGE_LIMIT else None
    else:
        wrong = None
    return wrong or _not_read_back(event)


def _wrong_size(fill: OrderFillEvent) -> str | None:
    for name in ("amount", "price", "commission"):
        value = getattr(fill, name)
        if not (value.is_finite() and abs(value) < LARGEST):
            return (
                f"execution {fill.execution_id:.40} of order {fill.order_id:.20} has {name} "
                f"{value!s:.40}, which cannot be: it is not booked"
            )
    return None


def _unknown_order(state: RunState, order_id: str) -> str | None:
    if state.orders.get_order(order_id) is not None:
        return None
    if _ORDER_NUMBER.fullmatch(order_id) and int(order_id) > state.orders.last_id:
        return None  # the venue knows an order whose row was lost: its number is reserved
    return f"an update of order {order_id!r:.40}, which this run does not have, is left out"


def _wrong_trigger(state: RunState, event: ScheduledTriggerEvent) -> str | None:
    if event.name not in TRIGGERS:
        known = ", ".join(sorted(TRIGGERS))
        return f"a trigger must be one of {known}: was {event.name!r:.80}; it is left out"
    if event.name == "session_end":
        session = state.market.session
        if not state.session_open or us_of(event.timestamp) >= int(
            state.calendar.closes_us[session]
        ):
            return None
        return f"session {state.session_label} is not over at {event.timestamp.isoformat()}"
    us = us_of(event.timestamp)
    find = state.calendar.session_of_us
    if event.name == "before_trading_start":
        find = state.calendar.next_session
    session = find(us)
    entered = state.market.session
    if session < 0:
        return f"no session is open at {event.timestamp.isoformat()}: the trigger is left out"
    if state.session_open:
        fits = session == entered
    else:  # each session once, and none before the one before it is over
        fits = session == entered + 1 if state.record.sessions else session >= entered
    if not fits:
        return f"session {state.calendar.label(session)} cannot begin now: the trigger is left out"
    return None


# What is journaled must come back as it was.
def _not_read_back(event: Event) -> str | None:
    back = decode_event(event.event_type, timestamp=event.timestamp, payload=encode_event(event))
    if back == event:
        return None
    return f"{event.event_type} would come back changed from the journal: it is left out"
