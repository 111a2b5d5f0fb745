"""Base of feeds: subscribe to symbols, and iterate over slices.

The rule: a feed gives each slice of the calendar once and in order, including empty
ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from inspect import signature

from rbtlive.data.calendars.calendar import TradingCalendar
from rbtlive.data.feeds.slot_axis import Labels
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import InvalidSetting, NoFeed
from rbtlive.model.events import Event
from rbtlive.model.interval import DAY

Sleep = Callable[[float], Awaitable[object]]
"""Sleeps for a number of seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPlan:
    """A session's requirements for its feed.

    Attributes:
        calendar: Calendar of the sessions.
        frequency: Length of a bar, e.g. "1d".
        symbols: The known symbols; None accepts any.
        first_session: Number of the first session; replays begin there, live sources
            ignore it.
        last_session: Number of the last session; the feed ends after it.
        after: END of the last processed slice: the feed continues after it.
        latest: Returns the latest valid END of a bar, usually the clock's `now`; None
            for sources of the past.
        expected: A slice is complete once these symbols have reported; None means the
            subscribed ones.
        renamed: Symbols by the later names that their bars may have, in upper case.
    """

    calendar: TradingCalendar
    frequency: str = DAY.text
    symbols: tuple[str, ...] | None = None
    first_session: int | None = None
    last_session: int | None = None
    after: datetime | None = None
    latest: Callable[[], datetime] | None = None
    expected: tuple[str, ...] | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)


class DataFeed(ABC):
    """A source of slices: subscribe to symbols, then iterate asynchronously over
    events.

    Without a subscription a feed gives everything it has; the first `subscribe` narrows
    it.

    Attributes:
        is_live: Whether the feed is of the present, and so can be late or stale.
        is_timed_by_session: Whether the session's clock judges its stamps; False for a
            feed with its own clock.
        most_symbols: Maximum number of subscribed symbols; None is unlimited.
        subscription_changes: Number of changes of the subscription.
        past_days_settle_s: How long after a session's close, in seconds, `past_days`
            has its final daily bar.
        past_days_waits_s: Seconds to wait before `past_days` is asked again for missing
            bars; after the last of these waits, it is not asked again.
        past_days_patience_s: How long, in seconds, a session waits to begin while
            `past_days` has not answered on the sessions before it.
    """

    is_live = True
    is_timed_by_session = True
    most_symbols: int | None = None
    subscription_changes = 0
    past_days_settle_s = 0.0
    past_days_waits_s: Sequence[float] = (5.0, 30.0, 120.0, 600.0, 1200.0)
    past_days_patience_s = 60.0

    def __init__(self) -> None:
        self._wanted: set[str] | None = None
        self._unwanted: set[str] = set()
        self._kept: set[str] | None = None  # the wanted symbols before `follow`

    @property
    def portal(self) -> PolarsDataPortal | None:
        """The recorded bars behind the feed, which also serve as history; None if there
        are none.
        """
        return None

    @property
    def subscriptions(self) -> frozenset[str] | None:
        """The subscribed symbols, in upper case; None means all."""
        return None if self._wanted is None else frozenset(self._wanted)

    @property
    def kept(self) -> frozenset[str]:
        """The symbols that stay subscribed during `follow`: those of `subscribe`."""
        return frozenset((self._wanted if self._kept is None else self._kept) or ())

    @property
    def follows(self) -> bool:
        """Whether `follow` decides the subscription."""
        return self._kept is not None

    def subscribe(self, symbols: str | Iterable[str]) -> None:
        """Also give bars of these symbols, from the next slice on."""
        self._wanted = _upper(symbols) | (self._wanted or set())
        if self._kept is not None:
            self._kept |= _upper(symbols)
        self._unwanted -= self._wanted
        self._changed()

    def unsubscribe(self, symbols: str | Iterable[str]) -> None:
        """Stop giving bars of these symbols, from the next slice on."""
        if self._wanted is None:
            self._unwanted |= _upper(symbols)
        else:
            self._wanted -= _upper(symbols)
        if self._kept is not None:
            self._kept -= _upper(symbols)
        self._changed()

    def follow(self, symbols: Iterable[str]) -> None:
        """Give bars only of these symbols and of those subscribed by `subscribe`, from
        the next slice on.
        """
        if self._kept is None:
            self._kept = set(self._wanted or ())
        wanted = _upper(symbols) | self._kept
        if wanted != self._wanted:
            self._wanted, self._unwanted = wanted, set()
            self._changed()

    def wants(self, symbol: str) -> bool:
        """Say whether a symbol is subscribed."""
        if self._wanted is None:
            return not self._unwanted or symbol.upper() not in self._unwanted
        return symbol.upper() in self._wanted

    def _changed(self) -> None:
        self.subscription_changes += 1
        self._subscriptions_changed()

    @property
    def has_past_days(self) -> bool:
        """Whether `past_days` can be called: the class overrides it, or has
        `fetch_bars`.
        """
        return type(self).past_days is not DataFeed.past_days or hasattr(self, "fetch_bars")

    async def past_days(self, symbols: Sequence[str], first: date, last: date) -> object:
        """Return daily bars, as traded, of finished sessions for assets of which this
        feed gave no bars then: a portal, or a source of one. By default, the result of
        `fetch_bars`, if the feed has it.

        Args:
            symbols: Symbols of the bars.
            first: Label of the first session.
            last: Label of the last one.

        Raises:
            BrokerError: the source cannot be asked.
            DataError: the source does not have these bars.
        """
        fetch: Callable[..., Awaitable[object]] | None
        fetch = getattr(self, "fetch_bars", None)
        if fetch is None:
            raise NoFeed(f"{type(self).__name__} has no history: it has no fetch_bars")
        return await fetch(symbols, first, last)

    @property
    def has_past_bars(self) -> bool:
        """Whether `past_bars` can be asked: the class has a way of its own, or a
        `fetch_bars` that takes a frequency.
        """
        if type(self).past_bars is not DataFeed.past_bars:
            return True
        fetch = getattr(self, "fetch_bars", None)
        return fetch is not None and "frequency" in signature(fetch).parameters

    async def past_bars(
        self, symbols: Sequence[str], first: datetime, last: datetime, frequency: str
    ) -> object:
        """Return bars within the day, as traded, that are over: a portal, or what makes
        one. What `fetch_bars` gives, if the feed has it.

        Args:
            symbols: Whose bars.
            first: No bar ends before this moment.
            last: END of the last one.
            frequency: How long a bar is, e.g. "1m".

        Raises:
            BrokerError: the source cannot be asked.
            DataError: it has none of these.
        """
        fetch: Callable[..., Awaitable[object]] | None
        fetch = getattr(self, "fetch_bars", None)
        if fetch is None:
            raise NoFeed(f"{type(self).__name__} has no history: it has no fetch_bars")
        return await fetch(symbols, first, last, frequency)

    @abstractmethod
    def configure(self, plan: FeedPlan) -> None:
        """Store the session's requirements; called before iteration."""

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[Event]:
        """Yield a MarketDataEvent per slice, and a SystemErrorEvent for each error of
        the source.
        """

    @abstractmethod
    def stats(self) -> dict[str, int]:
        """Return the counters: slices, bars, quarantined, reconnects and so on."""

    @property
    def reached(self) -> datetime | None:
        """END of the latest slice that has begun, of which bars may still be missing;
        None before the first.
        """
        return None

    @property
    def present(self) -> datetime | None:
        """The source's current time, UTC; None if this machine's clock decides."""
        return None

    @property
    def awaited(self) -> datetime | None:
        """END of an unfinished slice of which bars have arrived; None without one."""
        return None

    def take_labels(self, labels: Labels) -> None:
        """Interpret the source's stamps as ends of bars, or as starts.

        Raises:
            InvalidSetting: the feed's stamps are fixed, at the other end of the bar.
        """
        if labels != "end":
            raise InvalidSetting(
                f'labels="start" is for sources whose stamps are not known: {type(self).__name__} '
                "gives bars with their END; leave it out"
            )

    def follow_symbol(self, symbol: str, new_symbol: str) -> None:  # noqa: B027 - a replay has its names
        """Treat bars of `new_symbol` as bars of `symbol` from now on."""

    def close_through(self, moment: datetime) -> None:  # noqa: B027 - a replay has nothing to do here
        """Close the slices that have ended by a moment even if no later bar came;
        further bars for them are late.
        """

    def take_back(self, slices: Sequence[Event]) -> None:  # noqa: B027 - a replay gives them again anyway
        """Take back slices that were given but not processed, oldest first: the
        source's next reader gets them.
        """

    def _subscriptions_changed(self) -> None:  # noqa: B027 - not every source has subscriptions
        pass


def _upper(symbols: str | Iterable[str]) -> set[str]:
    return {symbols.upper()} if isinstance(symbols, str) else {symbol.upper() for symbol in symbols}
