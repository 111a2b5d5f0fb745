"""Alpaca's market data as a feed: the stream while it is connected, and the archive for
missed data.

The rule: after a reconnect the stream is subscribed first and the archive queried
second, so that there is no gap between the two; data that both report is given once.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from pydantic import SecretStr

from rbtlive.brokers.alpaca_bars import (
    BarFacts,
    Trade,
    archived_bars,
    latest_slot_us,
    read_bar,
    read_trade,
)
from rbtlive.brokers.alpaca_clock import MarketClock
from rbtlive.brokers.alpaca_given import GivenBars
from rbtlive.brokers.alpaca_history import portal_of_archive
from rbtlive.brokers.alpaca_http import (
    DATA_STREAM_URL,
    DATA_URL,
    AlpacaHttp,
    aiohttp_package,
    checked_url,
    socket_url,
    what_broke,
)
from rbtlive.brokers.alpaca_keys import AlpacaKeys
from rbtlive.brokers.alpaca_places import CRYPTO, DataPlace, place_of
from rbtlive.brokers.alpaca_splits import LearnedSplits
from rbtlive.brokers.alpaca_values import Untranslatable
from rbtlive.brokers.alpaca_words import (
    StreamClosed,
    introduce,
    next_messages,
)
from rbtlive.data.calendars.calendar import datetime_of
from rbtlive.data.feeds.as_feed import Backoff, DataFeed, FeedPlan
from rbtlive.data.feeds.bar_aggregator import AggregatedFeed
from rbtlive.data.feeds.slot_axis import Labels, SlotAxis
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import BrokerError, FeedError, InvalidSetting, NoFeed
from rbtlive.model.events import Event
from rbtlive.model.interval import DAY, MINUTE, Interval

HEARTBEAT_S = 10.0
ANSWER_S = 10.0
LARGEST_MESSAGE = 8 * 1024 * 1024
SILENT_MINUTES_S = 75.0
SILENT_DAYS_S = 900.0
_OLDEST = datetime(1990, 1, 1, tzinfo=UTC)


class AlpacaFeed(AggregatedFeed):
    """Bars from Alpaca, live: of shares, or of pairs such as BTC/USD.

    Minute bars are given as the stream sends them, only those of regular hours; longer
    intraday bars, e.g. "5m" or "1h", are built from them in the same way as in a
    backtest. A daily bar is sent repeatedly while its session lasts; it is taken from
    the archive when the session has been over for `settle_s`. Weeks and months are
    built from days, adjusted to the shares of their last day. A slice is complete once
    every symbol has reported; one in which some did not trade waits for a later bar, or
    for the clock.

    Args:
        symbols: The symbols to give bars of; None means the session's assets.
        key: The key's id; by default the value of APCA_API_KEY_ID (or ALPACA_API_KEY).
        secret: The key's secret; by default the value of APCA_API_SECRET_KEY (or
            ALPACA_SECRET_KEY).
        url_override: Another address, e.g. that of `python -m rbtlive.venue`.
        clock_url: The trading address, whose clock gives the market's current time; by
            default `url_override`, if given.
        data_feed: "iex", or "sip" with a subscription.
        trades: Whether to receive trades too; the latest of each symbol is in
            `last_trades`.
        settle_s: How long after its close, in seconds, a daily bar counts as final.
        silent_after_s: How long the stream may be silent, in seconds, before the
            archive is asked for bars that the stream did not send; by default a minute
            and a quarter, for days a quarter of an hour.
        most_symbols: Maximum symbols that the stream accepts, e.g. 30 without a
            subscription to Alpaca's data; daily bars of other symbols come only from
            the archive.
        timeout_s: Maximum time for an answer, in seconds.
        backoff: How long to wait before reopening a broken stream.
        sleep: Waits for some seconds; by default the loop's own.
        chance: Returns random numbers from 0 to 1 for the jitter.

    Attributes:
        last_trades: The latest trade of each symbol. Trades are conflated: only the
            latest is kept, the others are counted.

    Raises:
        InvalidSetting: a key is missing, or keys must not be sent to an address.
    """

    is_live = True
    says_when_caught_up = True

    def __init__(  # noqa: PLR0913 - settings, by name except for the first
        self,
        symbols: str | Iterable[str] | None = None,
        *,
        key: str | SecretStr | None = None,
        secret: str | SecretStr | None = None,
        url_override: str | None = None,
        clock_url: str | None = None,
        data_feed: Literal["iex", "sip"] = "iex",
        trades: bool = False,
        settle_s: float = 60.0,
        silent_after_s: float | None = None,
        most_symbols: int | None = None,
        timeout_s: float = 10.0,
        backoff: Backoff | None = None,
        sleep: Callable[[float], Any] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if data_feed not in ("iex", "sip"):
            raise InvalidSetting(f"data_feed must be 'iex' or 'sip': was {data_feed!r}")
        super().__init__(
            self._source, backoff=backoff, retry_on=(BrokerError,), sleep=sleep, chance=chance
        )
        self._keys = AlpacaKeys.find(key, secret)
        self._url = checked_url(DATA_URL if url_override is None else url_override, "url_override")
        self._stream_url = DATA_STREAM_URL if url_override is None else socket_url(self._url)
        self._http = AlpacaHttp(self._keys, self._url, timeout_s=timeout_s, chance=chance)
        clock = url_override if clock_url is None else clock_url
        self._clock = MarketClock(
            None
            if clock is None
            else AlpacaHttp(
                self._keys, checked_url(clock, "clock_url"), timeout_s=timeout_s, chance=chance
            )
        )
        self._timeout_s = timeout_s
        self._data_feed = data_feed
        self._trades = trades
        settle = timedelta(seconds=settle_s)
        self._silent_after_s = silent_after_s
        self.most_symbols = most_symbols
        self.past_days_settle_s = settle_s
        self._place: DataPlace = place_of((), data_feed=data_feed)
        self._plan: FeedPlan | None = None
        self._known: set[str] = set()  # the symbols subscribed last
        self._later: dict[str, str] = {}
        self._splits = LearnedSplits(self.ask_data)
        self._telling_us: int | None = None
        self._silent: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._given = GivenBars(lambda: self._now() - settle, self._counts)
        self.last_trades: dict[str, Trade] = {}
        if symbols is not None:
            self.subscribe(symbols)

    is_timed_by_session = False  # by the broker's

    def take_labels(self, labels: Labels) -> None:
        """Refuse labels of bar starts: Alpaca's are converted here."""
        DataFeed.take_labels(self, labels)

    def configure(self, plan: FeedPlan) -> None:
        """Store the session's requirements; called before iteration.

        Raises:
            InvalidSetting: the symbols mix shares and pairs.
        """
        place_of(self.subscriptions or plan.symbols or (), data_feed=self._data_feed)
        self._plan = plan
        self._given.begin(plan.after)
        self._later = dict(plan.renamed)
        self._splits = LearnedSplits(self.ask_data)
        super().configure(plan)

    def follow_symbol(self, symbol: str, new_symbol: str) -> None:
        """Request bars of `new_symbol` too, and give them as bars of `symbol`."""
        self._later[new_symbol.upper()] = symbol
        super().follow_symbol(symbol, new_symbol)

    def stats(self) -> dict[str, int]:
        """Return the counters; also bars from the archive, bars sent twice or outside
        the hours, trades, and conflated trades.
        """
        counts = self._counts
        names = (
            "archived",
            "told_twice",
            "outside_hours",
            "trades",
            "conflated",
            "untranslatable",
            "stale",
        )
        return super().stats() | {name: counts[name] for name in names}

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield the completed slices, and errors of the source."""
        try:
            async with aclosing(super().__aiter__()) as events:  # type: ignore[type-var]
                async for event in events:
                    yield event
        finally:
            await self._http.close()
            await self._clock.close()

    @property
    def present(self) -> datetime | None:
        """The market's current time, by its clock when the connection was opened; for a
        venue with its own time, it stands still from then on.
        """
        return self._clock.present

    async def fetch_bars(
        self,
        symbols: str | Iterable[str],
        start: datetime | date | str,
        end: datetime | date | str | None = None,
        frequency: str = "1d",
        *,
        calendar: str | None = None,
    ) -> PolarsDataPortal:
        """Return bars from the archive as a portal, e.g. for `data=`.

        Args:
            symbols: The symbols to fetch.
            start: The first day, or moment.
            end: The last day, or moment; None means the latest available.
            frequency: Length of the bars, e.g. "1d" or "5m"; intraday bars are built
                from minutes of regular hours, longer ones from days.
            calendar: The calendar of the sessions; by default New York's, for crypto
                the days of UTC.

        Raises:
            BrokerError: they could not be fetched.
            InvalidSetting: the symbols mix shares and pairs.
            DataError: the bars are not usable, or there are none.
        """
        interval = Interval.parse(frequency)
        names = [symbols] if isinstance(symbols, str) else list(symbols)
        place = place_of(names, data_feed=self._data_feed)
        http = AlpacaHttp(self._keys, self._url, timeout_s=self._timeout_s, chance=self._chance)
        try:
            return await portal_of_archive(
                http,
                names,
                interval=interval,
                between=(start, end),
                place=place,
                calendar=place.calendar if calendar is None else calendar,
            )
        finally:
            await http.close()

    async def ask_data(self, path: str, query: dict[str, str]) -> Any:
        """Query the data service for data other than bars.

        Raises:
            BrokerError: there was no answer, or a refusal.
        """
        http = AlpacaHttp(self._keys, self._url, timeout_s=self._timeout_s, chance=self._chance)
        try:
            return await http.get(path, query=query)
        finally:
            await http.close()

    # -- the source -------------------------------------------------------------------

    async def _source(self, symbols: frozenset[str] | None) -> AsyncIterator[BarFacts]:
        # One connection, from its opening to its end: subscribe, catch up from the
        # archive, then read the stream.
        plan = self._plan
        assert plan is not None
        names = sorted(symbols if symbols is not None else plan.symbols or ())
        if not names:
            raise NoFeed(
                "the feed has no symbols: pass symbols=, or data= with the session's assets"
            )
        self._later = {new: old for new, old in self._later.items() if old in names}
        streamed = self._streamed(self._called(names))
        self._begin_with(names)
        self._place = place_of(names, data_feed=self._data_feed)
        axis = self._axis_of(plan)
        failure = ""
        aiohttp = aiohttp_package()
        try:
            async with self._http.session.ws_connect(
                self._stream_url + self._place.stream,
                heartbeat=HEARTBEAT_S,
                max_msg_size=LARGEST_MESSAGE,
            ) as socket:
                async with asyncio.timeout(ANSWER_S):
                    await introduce(socket, self._keys, self._channels(streamed))
                await self._clock.ask()
                for bar in await self._missed(names, axis):
                    self._note_reported(bar, names, axis=axis)
                    for one in self._made_of(bar):
                        yield one
                self.caught_up()
                async for bar in self._told(socket, names, axis=axis):
                    self._note_reported(bar, names, axis=axis)
                    for one in self._made_of(bar):
                        yield one
                failure = "the market data stream was closed"
        except TimeoutError:
            failure = "the market data stream gave no answer in time"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, BrokerError):
                raise
            failure = f"the market data stream broke: {what_broke(error)}"
        raise BrokerError(failure)

    # A new symbol has no bars in finished slices.
    def _begin_with(self, names: list[str]) -> None:
        reach_us = self._given.reach_us
        for name in set(names) - self._known:
            if reach_us is not None:
                begin_us = reach_us if self._longer is None else self._longer.begin_of(reach_us)
                self._given.join(name, begin_us)
        self._known = set(names)

    # The symbols under which the names' bars may arrive; for a full stream, only the
    # later names.
    def _called(self, names: list[str]) -> list[str]:
        called = [*names, *self._later]
        most = self.most_symbols
        if most is None or len(called) <= most:
            return called
        return [*(n for n in names if n not in self._later.values()), *self._later]

    def _streamed(self, names: list[str]) -> list[str]:
        most = self.most_symbols
        if most is None or len(names) <= most or self._sent == DAY:
            return names[:most]  # a daily bar is taken from the archive anyway
        raise FeedError(
            f"the stream takes {most} symbols (most_symbols), and the feed has {len(names)}: name "
            "fewer, or let a pipeline select them with attach_pipeline(..., subscribe=True)"
        )

    def _channels(self, names: list[str]) -> dict[str, list[str]]:
        channel = "bars" if self._sent.intraday else "dailyBars"
        return {channel: names} | ({"trades": names} if self._trades else {})

    # The interval of the bars that Alpaca sends; longer ones are built from them here.
    @property
    def _sent(self) -> Interval:
        assert self._plan is not None
        return MINUTE if Interval.parse(self._plan.frequency).intraday else DAY

    async def _begin(self, names: list[str], axis: SlotAxis) -> int:
        # A run without a past starts after the last finished bar, by the data's own
        # time.
        query = {"symbols": ",".join([*names, *self._later])}
        if "feed" in self._place.query:
            query["feed"] = self._data_feed
        body = await self._http.get(self._place.latest, query=query)
        over_us = latest_slot_us(body, axis=axis, is_settled=self._given.is_settled)
        if self._longer is not None and over_us:  # a bar is given complete, or not at all
            over_us = self._longer.begin_of(over_us)
        self._given.begin_at(over_us)
        return over_us

    async def _missed(self, names: list[str], axis: SlotAxis) -> list[BarFacts]:
        # The archive's bars after the last bar given; nothing at the first start of a
        # run.
        if self._given.reach_us is None:
            over_us = await self._begin(names, axis)
            if self._longer is None or not over_us:  # or no bar has ended yet
                return []
        # Start a little earlier: the last slice may contain only some of the symbols.
        back = timedelta(minutes=2) if axis.interval.intraday else timedelta(days=1)
        start = max(datetime_of(self._first_missed(names)), _OLDEST) - back
        bars = await archived_bars(
            self._http,
            [*names, *self._later],
            interval=axis.interval,
            start=start,
            end=None,
            place=self._place,
        )
        bars = [
            bar | {"symbol": self._later.get(str(bar["symbol"]), bar["symbol"])} for bar in bars
        ]
        await self._learn_splits(names, bars, axis=axis)
        fresh = [bar for bar in bars if self._given.takes(bar, axis)]
        self._counts["archived"] += len(fresh)
        return fresh

    # A symbol that joined within a longer bar has parts only from that bar's start on.
    def _first_missed(self, names: list[str]) -> int:
        reach_us = self._given.reach_us
        assert reach_us is not None
        if self._longer is None:
            return reach_us
        return min(reach_us, max(self._given.least_of(names), self._longer.begin_of(reach_us)))

    # A week or month is adjusted to its last day's shares.
    async def _learn_splits(
        self, names: list[str], bars: list[BarFacts], *, axis: SlotAxis
    ) -> None:
        if self._longer is not None and not axis.interval.intraday and self._place is not CRYPTO:
            self._longer.splits = await self._splits.through(
                bars, [*names, *self._later], later=self._later, calendar=axis.calendar
            )

    async def _told(
        self, socket: object, names: list[str], *, axis: SlotAxis
    ) -> AsyncIterator[BarFacts]:
        while True:
            due_s, silent_s = self._given.due_s(axis), self._silence_s(axis)
            try:
                async with asyncio.timeout(silent_s if due_s is None else min(due_s, silent_s)):
                    messages = await next_messages(socket, self._keys)
            except TimeoutError:
                missed = await self._missed(names, axis)
                for bar in missed:
                    yield bar
                if missed and (due_s is None or due_s > silent_s):
                    self._counts["stale"] += 1
                    raise BrokerError(
                        f"the market data stream said nothing for {silent_s:g} s, and the archive "
                        "has bars"
                    ) from None
                self._given.wait_longer()
                reach_us = self._given.reach_us
                if not self._given.waits and reach_us is not None:
                    # A symbol without a bar by now did not trade.
                    self.close_through(datetime_of(reach_us))
                continue
            except StreamClosed:
                return
            sent = [bar for bar in map(self._take, messages) if bar]
            await self._learn_splits(names, sent, axis=axis)
            fresh = [bar for bar in sent if self._given.takes(bar, axis)]
            for bar in fresh:
                yield bar
            if fresh and len(self._streamed(names)) < len(names):
                for bar in await self._missed(names, axis):
                    yield bar

    def _note_reported(self, bar: BarFacts, names: list[str], *, axis: SlotAxis) -> None:
        # A slice is complete once every symbol has reported; it does not wait for a
        # later bar or the clock.
        slot_us = axis.slot_of(bar["timestamp"])
        if slot_us is None:
            return
        if slot_us != self._telling_us:
            self._telling_us, self._silent = slot_us, set(names)
        self._silent.discard(str(bar["symbol"]))
        if not self._silent:
            self.close_through(datetime_of(slot_us))

    def _take(self, message: dict[str, Any]) -> BarFacts | None:
        kind = message.get("T")
        try:
            if kind == ("b" if self._sent.intraday else "d"):
                called = message.get("S")
                symbol = self._later.get(called, called) if isinstance(called, str) else called
                return read_bar(message, symbol=symbol, interval=self._sent)
            if kind == "t":
                trade = read_trade(message)
                self._counts["trades"] += 1
                self._counts["conflated"] += trade.symbol in self.last_trades
                self.last_trades[trade.symbol] = trade
        except Untranslatable:
            self._counts["untranslatable"] += 1
        return None

    def _silence_s(self, axis: SlotAxis) -> float:
        if self._silent_after_s is not None:
            return self._silent_after_s
        return SILENT_MINUTES_S if axis.interval.intraday else SILENT_DAYS_S

    def _now(self) -> datetime:
        # The session's clock if it provides one, otherwise the server's.
        latest = self._plan.latest if self._plan is not None else None
        return self._http.now() if latest is None else latest()

    def __repr__(self) -> str:
        names = (
            "the session's assets"
            if self.subscriptions is None
            else ", ".join(sorted(self.subscriptions))
        )
        return f"AlpacaFeed({names})"
