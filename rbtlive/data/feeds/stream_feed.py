"""Turn any asynchronous source of bars into a feed.

The rule: an error of a source becomes a SystemErrorEvent at its place, and a source
that drops is reopened. Until it has caught up with the clock, the clock closes no
slice, because missed bars may still come.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from inspect import isasyncgen
from itertools import chain
from typing import ClassVar
from weakref import WeakKeyDictionary

from rbtlive.data.feeds.bounded import MOST_BARS, taken
from rbtlive.data.feeds.data_feed import DataFeed, FeedPlan, Sleep
from rbtlive.data.feeds.slices import SliceBuilder
from rbtlive.data.feeds.slot_axis import Labels, SlotAxis
from rbtlive.data.feeds.source_opening import Connect, NoStreamError, Opening, as_connect, close
from rbtlive.errors import FeedDisconnected, FeedError
from rbtlive.model.bar import Bar
from rbtlive.model.events import Event, MarketDataEvent, SystemErrorEvent
from rbtlive.model.foreign_text import as_utf8, text_of

"""Opens a source for some symbols, or for all if None."""

_SINGLE = (dict, Bar)
_READ_AHEAD = 256
_LISTS_AHEAD = 64
"""Maximum number of rows, and of lists of rows, read ahead."""
_PATIENCE = timedelta(seconds=10)
"""How long a reopened source may be silent before the clock goes on without its missed
bars.
"""
_DOUBT_S = 5.0
"""How long a bar that skipped slices waits for the next one to confirm it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waiting times before a source is reopened.

    Attributes:
        initial_s: Seconds before the first attempt.
        factor: Factor between consecutive waits.
        limit_s: Maximum wait in seconds.
        jitter: Random fraction of each wait, so that many clients do not return at
            once.
    """

    initial_s: float = 0.5
    factor: float = 2.0
    limit_s: float = 30.0
    jitter: float = 0.5

    def delay_s(self, attempt: int, *, chance: float) -> float:
        """Return the seconds to wait before an attempt, counted from 1; `chance` is
        random, from 0 to 1.
        """
        full = min(self.limit_s, self.initial_s * self.factor ** min(attempt - 1, 64))
        return full * (1 - self.jitter * chance)


class StreamFeed(DataFeed):
    """Any asynchronous source of bars as a feed.

    The source gives bars, rows with a bar's fields, lists of them (each one whole
    slice), or MarketDataEvents. A slice is complete once all expected symbols have
    reported it, when a later one begins, or when the clock says so.

    Args:
        source: An async iterator, which is read until it ends; or a function that opens
            one for given symbols, which is called again when the source drops or the
            subscriptions change.
        backoff: How long to wait before a source is reopened.
        retry_on: The exceptions of a source that mean a drop; others end the feed.
        max_attempts: How many times in a row a source is reopened before the feed gives
            up; None is unlimited.
        sleep: Sleeps for some seconds; by default the loop's own.
        chance: Returns random numbers from 0 to 1 for the jitter.
        labels: Whether the source stamps bars with their END or their start.

    Attributes:
        says_when_caught_up: Whether the source calls `caught_up` each time it has given
            all missed bars; otherwise the feed judges by the bars.
    """

    says_when_caught_up: ClassVar[bool] = False

    def __init__(
        self,
        source: AsyncIterable[object] | Connect,
        *,
        backoff: Backoff | None = None,
        retry_on: tuple[type[Exception], ...] = (Exception,),
        max_attempts: int | None = None,
        sleep: Sleep = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        labels: Labels = "end",
    ) -> None:
        super().__init__()
        self._connect = None if isinstance(source, AsyncIterable) else as_connect(source)
        self._stream: AsyncIterable[object] | None = (
            source if isinstance(source, AsyncIterable) else None
        )
        self._backoff = backoff or Backoff()
        self._retry_on = retry_on
        self._max_attempts = max_attempts
        self._sleep = sleep
        self._chance = chance
        self._labels: Labels = labels
        self._plan: FeedPlan | None = None
        self._builder: SliceBuilder | None = None
        self._left = _read_ahead_of(source)
        self._saying: Iterator[Event] = iter(())
        self._signal: asyncio.Event | None = None
        self._close_to: datetime | None = None
        self._reopen = False
        self._behind = self._caught_up = False
        self._slices_before = 0
        self._quiet_from: datetime | None = None
        self._reconnects = self._drops = self._resubscribed = 0

    def configure(self, plan: FeedPlan) -> None:
        """Store the session's requirements; called before iteration."""
        last = plan.last_session
        self._plan = plan
        self._builder = SliceBuilder(
            SlotAxis(plan.calendar, frequency=plan.frequency, labels=self._labels),
            symbols=plan.symbols,
            wants=self.wants,
            after=plan.after,
            until=None if last is None else plan.calendar.close(last),
            latest=plan.latest,
            expected=self._expected(plan),
        )
        for new_symbol, symbol in plan.renamed.items():
            self._builder.follow_symbol(symbol, new_symbol)
        self._behind = self.says_when_caught_up and plan.after is not None
        self._slices_before = 0

    def take_labels(self, labels: Labels) -> None:
        """Interpret the source's stamps as ends of bars, or as starts."""
        self._labels = labels

    def _expected(self, plan: FeedPlan) -> list[str] | None:
        # The symbols that were given, otherwise the requested ones.
        names = plan.expected if plan.expected is not None else self.subscriptions or plan.symbols
        return None if names is None else [name for name in names if self.wants(name)]

    @property
    def awaited(self) -> datetime | None:
        """END of an unfinished slice of which bars have arrived; None without one."""
        return None if self._builder is None else self._builder.awaited

    @property
    def reached(self) -> datetime | None:
        """END of the latest slice that has begun, of which bars may still be missing;
        None before the first.
        """
        builder = self._builder
        return None if builder is None or not _begun(builder) else builder.now

    def caught_up(self) -> None:
        """Report that the source has given everything it missed while it was away."""
        self._caught_up = True
        if self._signal is not None:
            self._signal.set()

    def close_through(self, moment: datetime) -> None:
        """Close the slices that have ended by a moment even if no later bar came;
        further bars for them are late.

        They appear in the iteration at their place. While the source is away, and until
        it has given its missed bars, they stay open.
        """
        self._close_to = moment if self._close_to is None else max(moment, self._close_to)
        if self._signal is not None:
            self._signal.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield the slices as they are closed, and errors of the source."""
        builder = self._ready()
        self._signal = signal = asyncio.Event()
        attempt = 0
        try:
            while True:
                reader = _Reader(self._opened(), signal=signal, items=self._left)
                try:
                    async with aclosing(
                        self._drain(reader, builder=builder, signal=signal)
                    ) as stretches:
                        async for events in stretches:
                            for event in events:
                                yield event
                finally:
                    await reader.close(stream_too=self._connect is not None)
                if builder.ended or (reader.finished and reader.error is None):
                    break
                builder.take_up_again()
                attempt = 1 if reader.received or self._caught_up else attempt + 1
                self._fall_behind(builder)
                if reader.error is None:  # only the subscriptions changed
                    self._resubscribed += 1
                    continue
                delay_s = self._survive(reader.error, attempt=attempt)
                yield _notice(
                    builder, f"dropped: {_text(reader.error)}; opening it again in {delay_s:.1f} s"
                )
                await self._sleep(delay_s)
                self._reconnects += 1
            for event in builder.finish():
                yield event
        finally:
            self._signal = None
            # The events to send next, then the bars of the open slice: nobody has
            # received them.
            unsaid = [event for event in self._saying if isinstance(event, MarketDataEvent)]
            self._left.extendleft(reversed([*unsaid, *builder.open_bars()]))

    def take_back(self, slices: Sequence[Event]) -> None:
        """Take back slices that were given but not processed, oldest first: the
        source's next reader gets them.
        """
        self._left.extendleft(reversed(slices))

    def stats(self) -> dict[str, int]:
        """Return the counters, with quarantined bars also by reason."""
        builder = self._builder
        if builder is None:
            return {
                "slices": 0,
                "empty": 0,
                "bars": 0,
                "skipped": 0,
                "quarantined": 0,
                "reconnects": 0,
            }
        return {
            "slices": builder.slices,
            "empty": builder.empty,
            "bars": builder.bars,
            "skipped": builder.skipped,
            "quarantined": builder.quarantined.total(),
            "provisional": builder.provisional,
            "revised": builder.revised,
            "reconnects": self._reconnects,
            "drops": self._drops,
            "resubscribed": self._resubscribed,
            **{
                f"quarantined_{reason}": count
                for reason, count in sorted(builder.quarantined.items())
            },
        }

    async def _drain(
        self, reader: _Reader, *, builder: SliceBuilder, signal: asyncio.Event
    ) -> AsyncGenerator[Iterator[Event], None]:
        # Until the source ends, drops or has to be reopened.
        while True:
            signal.clear()
            yield self._said(reader, builder)
            yield self._overdue(builder)
            if reader.items and not builder.ended:
                continue
            if reader.finished or builder.ended or self._reopen:
                return
            if builder.is_in_doubt:
                yield await self._resolved(builder, signal)
            else:
                await signal.wait()

    async def _resolved(self, builder: SliceBuilder, signal: asyncio.Event) -> Iterator[Event]:
        try:
            async with asyncio.timeout(_DOUBT_S):
                await signal.wait()
        except TimeoutError:
            return builder.release()
        return iter(())

    def _said(self, reader: _Reader, builder: SliceBuilder) -> Iterator[Event]:
        items, add, next_alone = reader.items, builder.add, builder.next_alone
        while items and not builder.ended:
            self._quiet_from = None
            item = items.popleft()
            alone = next_alone(item) if type(item) is dict else None
            if alone is not None:
                yield alone
                continue
            self._saying = add(item) if type(item) in _SINGLE else taken(item, builder)
            yield from self._saying
        reader.go_on()

    def _overdue(self, builder: SliceBuilder) -> Iterator[Event]:
        moment = self._close_to
        if moment is None:
            return iter(())
        back: list[Event] = []
        if self._behind:
            if not self._is_back(builder, moment):
                return iter(())
            late = _begun(builder) - self._slices_before
            if late:
                back.append(
                    _notice(
                        builder, f"is back: {late} slices up to {builder.now.isoformat()} came late"
                    )
                )
        self._close_to = None
        held = [event for bar in self._held_through(moment) for event in builder.add(bar)]
        return chain(back, held, builder.close_through(moment))

    # Bars that the source holds back until their slice ends.
    def _held_through(self, moment: datetime) -> Iterable[object]:
        del moment
        return ()

    def _fall_behind(self, builder: SliceBuilder) -> None:
        if not self._behind:
            self._behind, self._slices_before = True, _begun(builder)
        self._caught_up, self._quiet_from = False, None

    def _is_back(self, builder: SliceBuilder, moment: datetime) -> bool:
        # The source has reached the clock's time, or says so, or has had enough time to
        # report.
        self._quiet_from = self._quiet_from or moment
        quiet = not self.says_when_caught_up and moment - self._quiet_from >= _PATIENCE
        self._behind = not (quiet or self._caught_up or builder.now > moment)
        return not self._behind

    def _ready(self) -> SliceBuilder:
        if self._builder is None:
            raise FeedError(
                "a feed must be configured before it is read: call "
                "configure(FeedPlan(calendar=...)) first"
            )
        if self._signal is not None:
            raise FeedError(
                "a feed has one reader at a time: this one is being read; make another from the "
                "source"
            )
        if isasyncgen(self._stream) and self._stream.ag_frame is None:
            raise FeedError(
                "the feed's iterator has ended already and gives nothing more; call the function "
                "that made it "
                "again, or pass that function itself"
            )
        return self._builder

    def _opened(self) -> AsyncIterable[object]:
        self._reopen = False
        if self._connect is None:
            assert self._stream is not None
            return self._stream
        return Opening(self._connect, self.subscriptions)

    def _survive(self, error: Exception, *, attempt: int) -> float:
        # Returns how long to wait, or gives up.
        self._drops += 1
        if self._connect is None:
            raise FeedDisconnected(
                f"the feed's source failed with {_text(error)}, and an iterator cannot be opened "
                "again; "
                "pass a function that returns a new one"
            ) from error
        if isinstance(error, NoStreamError) or not isinstance(error, self._retry_on):
            raise FeedDisconnected(f"the feed's source failed with {_text(error)}") from error
        if self._max_attempts is not None and attempt > self._max_attempts:
            raise FeedDisconnected(
                f"the feed's source did not come back after {self._max_attempts} attempts: "
                f"{_text(error)}"
            ) from error
        return self._backoff.delay_s(attempt, chance=self._chance())

    def follow_symbol(self, symbol: str, new_symbol: str) -> None:
        """Treat bars of `new_symbol` as bars of `symbol` from now on; a source that is
        opened for symbols is reopened.
        """
        if self._builder is not None:
            self._builder.follow_symbol(symbol, new_symbol)
        self._subscriptions_changed()

    def _subscriptions_changed(self) -> None:
        if self._builder is not None and self._plan is not None:
            self._builder.expect(self._expected(self._plan))
        if self._connect is not None and self._signal is not None:
            self._reopen = True
            self._signal.set()


_read_ahead: WeakKeyDictionary[object, deque[object]] = WeakKeyDictionary()


def _read_ahead_of(source: object) -> deque[object]:
    # Items that an iterator gave but nobody processed: when it is attached again, it
    # continues from there.
    try:
        return _read_ahead.setdefault(source, deque())
    except TypeError:  # it cannot be hashed or weakly referenced
        return deque()


class _Reader:
    # Reads a source in its own task, a little ahead, so that waking up for a deadline
    # loses no item.
    def __init__(
        self, stream: AsyncIterable[object], *, signal: asyncio.Event, items: deque[object]
    ) -> None:
        self.items = items
        self.received = 0
        self.finished = False
        self.error: Exception | None = None
        self._stream = stream.__aiter__()
        self._signal = signal
        self._space = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._read(), name="rbtlive feed")

    def go_on(self) -> None:
        self._space.set()

    async def close(self, *, stream_too: bool) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if stream_too:
            await close(self._stream)

    async def _read(self) -> None:
        items, signal = self.items, self._signal
        try:
            async for item in self._stream:
                single = type(item) is dict
                items.append(item.copy() if type(item) is dict else _as_it_is(item))
                self.received += 1
                waiting = len(items)
                if waiting == 1:  # otherwise the consumer was woken by the first
                    signal.set()
                while waiting >= (_READ_AHEAD if single else _LISTS_AHEAD):
                    self._space.clear()
                    await self._space.wait()
                    waiting = len(items)
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self.error = _lost(cancelled)  # a task of the source's own was cancelled
        except Exception as error:  # noqa: BLE001 - the outermost frame of this task; the feed decides what the error means
            self.error = error
        except BaseException as exit_:  # noqa: BLE001 - it must not reach the loop
            self.error = _lost(exit_)
        self.finished = True  # not if it was cancelled
        self._signal.set()


# A copy of a source's item, because a source may reuse one row for all its bars, and is
# read ahead.
def _as_it_is(item: object) -> object:
    if type(item) is list and len(item) <= MOST_BARS:
        return [one.copy() if type(one) is dict else one for one in item]
    return item


def _begun(builder: SliceBuilder) -> int:
    return builder.slices + builder.is_open


def _notice(builder: SliceBuilder, what: str) -> SystemErrorEvent:
    message = as_utf8(f"the feed's source {what}")
    return SystemErrorEvent(timestamp=builder.now, message=message[:500], source="feed")


def _text(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error!s:.200}"
    except BaseException as unprintable:  # noqa: BLE001 - around a source's own code
        return f"{type(error).__name__} (its text cannot be shown: {type(unprintable).__name__})"


# Exceptions that would end the reader's task, or the program, as a failure of the
# source.
def _lost(raised: BaseException) -> FeedDisconnected:
    text = text_of(raised)
    lost = FeedDisconnected(f"the source raised {type(raised).__name__} {text:.200}".rstrip())
    lost.__cause__ = raised
    return lost
