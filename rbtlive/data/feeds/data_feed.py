"""What every feed is: something to subscribe to, and to take slices from.

Its rule: a feed gives each slice of the calendar once and in order, empty ones
included.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from rbtlive.data.calendars.calendar import TradingCalendar
from rbtlive.data.feeds.slot_axis import Labels
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import InvalidSetting, NoFeed
from rbtlive.model.events import Event
from rbtlive.model.interval import DAY

Sleep = Callable[[float], Awaitable[object]]
"""Waits for a number of seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPlan:
    """What a session wants of its feed.

    Attributes:
        calendar: Whose sessions.
        frequency: How long a bar is, e.g. "1d".
        symbols: The symbols that exist; None takes any.
        first_session: Number of the first session; replays begin there, live sources
            ignore it.
        last_session: Number of the last session; the feed ends after it.
        after: END of the last slice that is over already: the feed goes on with the one
            after it.
        latest: Gives the END of the latest bar that can be right, usually the clock's
            `now`; None for sources of the past.
        expected: A slice is over once these symbols have reported; None means those
            that are subscribed to.
        renamed: Symbols by the later names that their bars may come under, in upper
            case.
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

    Without any subscription a feed gives all it has; the first `subscribe` narrows it.

    Attributes:
        is_live: Whether the feed is of the present, so that it can be late or stale.
        is_timed_by_session: Whether its stamps are judged by the session's clock; a
            feed with a clock of its own says no.
        most_symbols: How many symbols can be subscribed to; None is any number.
        subscription_changes: How often what is subscribed to was changed.
        past_days_settle_s: How long after its close, in seconds, `past_days` has the
            daily bar of a session as it stays.
        past_days_waits_s: How long to wait, in seconds, before `past_days` is asked
            again for what it did not give; after the last of them no more.
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
        self._kept: set[str] | None = None  # what was wanted before it followed

    @property
    def portal(self) -> PolarsDataPortal | None:
        """The recorded bars behind the feed, which also serve as history; None if there
        are none.
        """
        return None

    @property
    def subscriptions(self) -> frozenset[str] | None:
        """The symbols that were asked for, upper case; None means all."""
        return None if self._wanted is None else frozenset(self._wanted)

    @property
    def kept(self) -> frozenset[str]:
        """The symbols that `follow` leaves subscribed to: those of `subscribe`."""
        return frozenset((self._wanted if self._kept is None else self._kept) or ())

    @property
    def follows(self) -> bool:
        """Whether `follow` decides what is subscribed to."""
        return self._kept is not None

    def subscribe(self, symbols: str | Iterable[str]) -> None:
        """Give bars of these symbols too, from the next slice on."""
        self._wanted = _upper(symbols) | (self._wanted or set())
        if self._kept is not None:
            self._kept |= _upper(symbols)
        self._unwanted -= self._wanted
        self._changed()

    def unsubscribe(self, symbols: str | Iterable[str]) -> None:
        """Give no more bars of these symbols, from the next slice on."""
        if self._wanted is None:
            self._unwanted |= _upper(symbols)
        else:
            self._wanted -= _upper(symbols)
        if self._kept is not None:
            self._kept -= _upper(symbols)
        self._changed()

    def follow(self, symbols: Iterable[str]) -> None:
        """Give bars of these symbols, and of no others but those that were subscribed
        to by `subscribe`, from the next slice on.
        """
        if self._kept is None:
            self._kept = set(self._wanted or ())
        wanted = _upper(symbols) | self._kept
        if wanted != self._wanted:
            self._wanted, self._unwanted = wanted, set()
            self._changed()

    def wants(self, symbol: str) -> bool:
        """Say whether bars of a symbol are asked for."""
        if self._wanted is None:
            return not self._unwanted or symbol.upper() not in self._unwanted
        return symbol.upper() in self._wanted

    def _changed(self) -> None:
        self.subscription_changes += 1
        self._subscriptions_changed()

    @property
    def has_past_days(self) -> bool:
        """Whether `past_days` can be asked: the class has a way of its own, or
        `fetch_bars`.
        """
        return type(self).past_days is not DataFeed.past_days or hasattr(self, "fetch_bars")

    async def past_days(self, symbols: Sequence[str], first: date, last: date) -> object:
        """Return daily bars, as traded, of sessions that are over, for assets of which
        this feed gave no bars then: a portal, or what makes one. What `fetch_bars`
        gives, if the feed has it.

        Args:
            symbols: Whose bars.
            first: Label of the first session.
            last: Label of the last one.

        Raises:
            BrokerError: the source cannot be asked.
            DataError: it has none of these.
        """
        fetch: Callable[..., Awaitable[object]] | None
        fetch = getattr(self, "fetch_bars", None)
        if fetch is None:
            raise NoFeed(f"{type(self).__name__} has no history: it has no fetch_bars")
        return await fetch(symbols, first, last)

    @abstractmethod
    def configure(self, plan: FeedPlan) -> None:
        """Take what the session wants; comes before iteration."""

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[Event]:
        """Yield a MarketDataEvent a slice, and a SystemErrorEvent for whatever was
        wrong with the source.
        """

    @abstractmethod
    def stats(self) -> dict[str, int]:
        """Return what was counted: slices, bars, quarantined, reconnects and the
        like.
        """

    @property
    def reached(self) -> datetime | None:
        """END of the latest slice that has begun, of which some bars may not have come
        yet; None before the first.
        """
        return None

    @property
    def present(self) -> datetime | None:
        """What time it is at the source, UTC; None if that is this machine's clock to
        say.
        """
        return None

    @property
    def awaited(self) -> datetime | None:
        """END of a slice of which bars came before it was over; None without one."""
        return None

    def take_labels(self, labels: Labels) -> None:
        """Take the stamps of the source for the bars' ends, or for their starts.

        Raises:
            InvalidSetting: the feed knows which they are, and it is the other.
        """
        if labels != "end":
            raise InvalidSetting(
                f'labels="start" is for sources whose stamps are not known: {type(self).__name__} '
                "gives bars with their END; leave it out"
            )

    def follow_symbol(self, symbol: str, new_symbol: str) -> None:  # noqa: B027 - a replay has its names
        """Take bars of `new_symbol` for bars of `symbol` from now on."""

    def close_through(self, moment: datetime) -> None:  # noqa: B027 - a replay has nothing to do here
        """Close the slices that are over at a moment although nothing later came; bars
        for them are late.
        """

    def take_back(self, slices: Sequence[Event]) -> None:  # noqa: B027 - a replay gives them again anyway
        """Take back slices that were given and not processed, oldest first: the
        next reader of the source gets them.
        """

    def _subscriptions_changed(self) -> None:  # noqa: B027 - not every source takes subscriptions
        pass


def _upper(symbols: str | Iterable[str]) -> set[str]:
    return {symbols.upper()} if isinstance(symbols, str) else {symbol.upper() for symbol in symbols}
