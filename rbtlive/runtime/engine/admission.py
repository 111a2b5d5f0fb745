"""Validate events and slices for a run before they are journaled.

The rule: an event that the core could not process, or the journal could not restore,
becomes a SystemErrorEvent that names it. One bad input never ends a run.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Final

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.data.calendars.calendar import datetime_of, us_of
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
    OrderReplacedEvent,
    OrderUpdateEvent,
    ScheduledTriggerEvent,
    SystemErrorEvent,
    trusted_slice,
)
from rbtlive.model.foreign_text import as_utf8
from rbtlive.model.number import plain_text
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.engine.impossible_fills import objection
from rbtlive.runtime.journal.codec import decode_event, encode_event

if TYPE_CHECKING:
    from rbtlive.core.run_state import RunState
    from rbtlive.data.feeds.data_feed import DataFeed
    from rbtlive.runtime.engine.event_queue import EventQueue

LARGEST = Decimal(10) ** 15
"""Larger prices and amounts cannot be traded, and overflow 38 digits."""
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)
_AFTER_ALL: Final = datetime.max.replace(tzinfo=UTC)
_ORDER_NUMBER = re.compile(r"[0-9]{1,9}")
_MESSAGE_LIMIT = 2000
_OUR_STATES: Final = frozenset({OrderState.CREATED, OrderState.DENIED})
_SLICE: Final = MarketDataEvent.__name__
_SLICE_FACTS: Final = len(MarketDataEvent.model_fields)


def judged(state: RunState, event: Event, *, source: str) -> Event:
    """Return an event, or the SystemErrorEvent that replaces it.

    Args:
        state: The run's state when the event is processed: two executions may each be
            valid, but together too large.
        event: Any event except a slice.
        source: The source that reported it, for the message.
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
    """Validates slices that did not come from one of this package's feeds.

    Args:
        state: The run's state.
        latest: Returns the latest valid END of a bar; None for sources of the past.
    """

    def __init__(self, state: RunState, latest: datetime | None = None) -> None:
        settings = state.settings
        self._state = state
        self._latest = latest
        self._axis = SlotAxis(state.calendar, frequency=settings.interval)

    def admit(self, event: MarketDataEvent, last: datetime | None) -> Iterator[Event]:
        """Yield the valid part of a slice, and a SystemErrorEvent for each fault in it.

        Args:
            event: The slice as given.
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
    """Recognizes quickly a slice that the judge would not change: a few bars of
    ordinary numbers, of the run's assets, one interval after the last slice.

    Judging a slice costs 200 µs, recognizing one costs 1: a custom feed gives hardly
    anything but ordinary slices.

    Args:
        state: The run's state.
        latest: Returns the latest valid END of a bar; None for sources of the past.

    Attributes:
        state: The run's state.
        last_us: END of the last processed slice, µs UTC; -1 before the first.
    """

    def __init__(self, state: RunState, latest: Callable[[], datetime] | None = None) -> None:
        settings = state.settings
        self.last_us = -1
        self._due = _BEFORE_ALL  # END of the next slice, if it is known to follow
        self.state = state
        self._latest = latest
        # Without a clock, no bar counts as being in the future.
        self._latest_known = _BEFORE_ALL if latest else _AFTER_ALL
        self._axis = SlotAxis(state.calendar, frequency=settings.interval)
        self._step, self._step_us = settings.interval.duration, self._axis.step_us
        self._begin_us = self._until_us = 0  # slices between these follow each other
        self._until = self._sure_until = _BEFORE_ALL  # slices up to here need no further check
        self._appender = state.market.appender
        self._symbols: frozenset[str] = frozenset()
        self._end_us: int | None = None
        if settings.end is not None:
            calendar = state.calendar
            self._end_us = us_of(calendar.close(calendar.number(settings.end)))

    def follows(self, event: MarketDataEvent) -> bool:
        """Say whether it is the slice that the market expects, of one bar that `Bar.of`
        or `MarketDataEvent.of` made: then it is used unchanged.
        """
        try:
            facts = event.__dict__
            stamp = facts["timestamp"]
            if "_row" in facts:
                return (
                    stamp == self._appender.due
                    and stamp <= self._sure_until
                    and facts["_row"][0] in self._symbols
                )
            bars = facts["bars"]
            if (
                stamp != self._appender.due
                or stamp > self._sure_until
                or type(bars) is not dict
                or len(bars) != 1
                or len(facts) != _SLICE_FACTS
                or facts["event_type"] != _SLICE
            ):
                return False
            ((symbol, bar),) = bars.items()
            values = bar.__dict__
            return (
                type(bar) is Bar
                and "_plain" in values
                and values["timestamp"] is stamp  # a plain bar's time is in UTC
                and values["symbol"] == symbol
                and symbol in self._symbols
            )
        except Exception:  # noqa: BLE001 - a slice may be made of anything
            return False

    def taken(  # noqa: C901, PLR0912 - saves a call at every slice
        self, event: MarketDataEvent, last_us: int | None
    ) -> MarketDataEvent | None:
        """Return the slice ready to be processed, or None if the judge must decide.

        Args:
            event: The slice as given.
            last_us: END of the last processed slice, µs UTC; None before the first.
        """
        try:
            if type(event) is not MarketDataEvent or last_us is None:
                return None
            bars = event.bars
            facts = event.__dict__
            stamp = facts["timestamp"]
            if type(stamp) is not datetime or stamp.tzinfo is not UTC or type(bars) is not dict:
                return None
            if stamp == self._due and last_us == self.last_us:
                us = last_us + self._step_us
            else:
                us = us_of(stamp)
                if not self._follows(us, last_us):
                    return None
            if stamp > self._latest_known and self._is_ahead(stamp):
                return None
            if not 0 < len(bars) < FEWEST:
                return None
            if len(self._symbols) != len(self.state.assets):
                self._symbols = frozenset(asset.symbol for asset in self.state.assets)
            symbols = self._symbols
            for symbol, bar in bars.items():
                if type(bar) is not Bar or symbol not in symbols:
                    return None
                values = bar.__dict__
                if (
                    not ("_plain" in values or plain_bar(bar) is not None)
                    or values["symbol"] != symbol
                    or (values["timestamp"] is not stamp and values["timestamp"] != stamp)
                ):
                    return None
            if not (facts["event_type"] == _SLICE and len(facts) == _SLICE_FACTS):
                event = trusted_slice(stamp, bars.copy())
        except Exception:  # noqa: BLE001 - a slice may be made of anything
            return None
        self.last_us = us
        follows = us + self._step_us <= self._until_us
        self._due = stamp + self._step if follows else _BEFORE_ALL
        self._sure_until = min(self._latest_known, self._until)
        return event

    # The clock is read only if its last reading does not suffice: time only moves
    # forward.
    def _is_ahead(self, stamp: datetime) -> bool:
        assert self._latest is not None
        self._latest_known = self._latest()
        return stamp > self._latest_known

    # Whether it is the next slice, in bars that follow each other without a break.
    def _follows(self, us: int, last_us: int) -> bool:
        if not self._begin_us < us <= self._until_us:
            self._begin_us, until_us = self._axis.stretch(us)
            self._until_us = until_us if self._end_us is None else min(until_us, self._end_us)
            self._until = datetime_of(self._until_us)
        return (
            us - last_us == self._step_us
            and self._begin_us < last_us < us <= self._until_us
            and (us - self._begin_us) % self._step_us == 0
        )


class SliceAdmission:
    """Knows which slices in the queue still have to be validated.

    Slices of this package's feeds are ordered and checked; others are not.

    Args:
        queue: The queue they wait in.
        feed: The run's.
        present: Returns the current time at the feed; None for feeds of the past.

    Attributes:
        ordinary: Recognizes ordinary slices of a foreign feed, so that they need not go
            through `admitted`; None before the first slice, and if the feed is trusted.
    """

    def __init__(
        self, queue: EventQueue, feed: DataFeed, present: Callable[[], datetime] | None
    ) -> None:
        self._queue = queue
        self._present = present
        home = str(type(feed).__module__).partition(".")[0]
        self._trusts_feed = home == __name__.partition(".")[0]
        self._foreign: deque[Event] = deque()  # slices of other sources, if the feed is trusted
        self._last_stamp = _BEFORE_ALL
        self.ordinary: OrdinarySlices | None = None
        self._glance: OrdinarySlices | None = None

    def put(self, event: Event) -> None:
        """Put an event that is not the feed's into the queue.

        Raises:
            QueueFull: it is a slice, and too many events wait.
        """
        self._queue.put(event)
        if self._trusts_feed and isinstance(event, MarketDataEvent):
            self._foreign.append(event)

    def admitted(
        self, state: RunState, event: MarketDataEvent, last: datetime | None
    ) -> Iterable[Event]:
        """Return the valid part of a slice from the queue, and its faults.

        Args:
            state: The run's state.
            event: The slice.
            last: END of the last slice processed before this engine started.
        """
        if self._trusts_feed:
            foreign = self._foreign
            if foreign and foreign[0] is event:
                foreign.popleft()
            elif event.timestamp > self._last_stamp:
                self._last_stamp = event.timestamp
                return (event,)
        ordinary = self._glance
        if ordinary is None or ordinary.state is not state:
            latest = None if self._present is None else partial(self._latest, state)
            ordinary = self._glance = OrdinarySlices(state, latest)
            self.ordinary = None if self._trusts_feed else ordinary
        # If the market stands at the last ordinary slice, that was the last one.
        now_us = state.market.now_us
        last_us = now_us if now_us == ordinary.last_us else state.market.last_slice_us
        taken = ordinary.taken(event, last_us)
        if taken is not None:
            self._last_stamp = taken.timestamp
            return (taken,)
        if last_us is not None:
            last = datetime_of(last_us)
        judge = SliceJudge(state, None if self._present is None else self._latest(state))
        admitted = tuple(judge.admit(event, last))
        for one in admitted:
            if isinstance(one, MarketDataEvent):
                self._last_stamp = one.timestamp
        return admitted

    def _latest(self, state: RunState) -> datetime:
        assert self._present is not None
        return self._present() + state.settings.interval.duration


def _objection(state: RunState, event: Event) -> str | None:
    kind = type(event)
    if EVENT_TYPES.get(kind.__name__) is not kind:
        return f"{kind.__name__} is not an event that a journal can restore: it is rejected"
    if isinstance(event, OrderFillEvent):
        wrong = _wrong_size(event) or objection(state.orders, event)
    elif isinstance(event, (OrderUpdateEvent, OrderRejectEvent)):
        wrong = _unknown_order(state, event.order_id) or _wrong_status(event)
    elif isinstance(event, OrderReplacedEvent):
        wrong = _wrong_replacement(state, event)
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


# Statuses that only our side can give an order.
def _wrong_status(event: OrderUpdateEvent | OrderRejectEvent) -> str | None:
    if isinstance(event, OrderUpdateEvent) and event.status in _OUR_STATES:
        return f"a broker cannot say of order {event.order_id} that it is {event.status}: left out"
    return None


def _wrong_replacement(state: RunState, event: OrderReplacedEvent) -> str | None:
    order = state.orders.get_order(event.order_id)
    if order is None:
        return _unknown_order(state, event.order_id)
    for name, value in (("limit", event.limit), ("stop", event.stop)):
        if value is not None and not (value.is_finite() and 0 < value < LARGEST):
            return f"a replacement of order {order.id} has {name} {value!s:.40}: it is left out"
    amount = event.amount
    if not (amount.is_finite() and abs(amount) < LARGEST and amount * order.amount > 0):
        return (
            f"a replacement of order {order.id} ({order.asset.symbol}), which is for "
            f"{plain_text(order.amount)}, is for {amount!s:.40}: it is left out"
        )
    return None


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
    else:  # each session once, in order, after the previous one has ended
        fits = session == entered + 1 if state.record.sessions else session >= entered
    if not fits:
        return f"session {state.calendar.label(session)} cannot begin now: the trigger is left out"
    return None


# A journaled event must be restored unchanged.
def _not_read_back(event: Event) -> str | None:
    back = decode_event(event.event_type, timestamp=event.timestamp, payload=encode_event(event))
    if back == event:
        return None
    return f"{event.event_type} would come back changed from the journal: it is left out"
