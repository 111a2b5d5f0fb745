"""Trades as a feed of bars.

Its rule: bars are made while the trades come, by the session's own calendar and
interval; from there on they are bars like any others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from rbtlive.data.calendars.calendar import get_calendar, us_of
from rbtlive.data.feeds.bar_rows import RefusedBar
from rbtlive.data.feeds.data_feed import DataFeed, FeedPlan
from rbtlive.data.feeds.opening import Connect
from rbtlive.data.feeds.quarantine import Quarantine
from rbtlive.data.feeds.slot_axis import Labels, SlotAxis
from rbtlive.data.feeds.stream_feed import StreamFeed
from rbtlive.data.feeds.tick_bars import Slice, TickBars
from rbtlive.data.feeds.ticks import Tick, stamp_text, tick_of
from rbtlive.errors import BadFrequency, InvalidSetting
from rbtlive.model.events import Event, SystemErrorEvent
from rbtlive.model.interval import Interval

_QUIET_S: Final = 1.0
"""A source that said nothing for so long is not just catching up."""
_MOST_WAIT_S: Final = 60.0


class TickFeed(StreamFeed):
    """Bars made of trades; `bars_from_ticks` makes one.

    Args:
        source: As for StreamFeed, of trades.
        interval: How long a bar is.
        wait_s: Trades that come out of order by less than this lose nothing.
        calendar: Whose sessions, where no session says so.
    """

    def __init__(
        self,
        source: AsyncIterable[object] | Connect,
        interval: str | Interval,
        *,
        wait_s: float,
        calendar: str,
    ) -> None:
        super().__init__(self._bars_of(source) if isinstance(source, AsyncIterable) else source)
        if self._connect is not None:
            opens = self._connect
            self._connect = lambda symbols: self._bars_of(opens(symbols))
        self.interval = Interval.parse(interval, name="interval")
        self._wait_us = int(wait_s * 1e6)
        self._calendar = calendar
        self._making: TickBars | None = None
        self._names: dict[str, str] | None = None
        self._refused = Quarantine()
        self._heard_s = 0.0

    def take_labels(self, labels: Labels) -> None:
        """Refuse starts: bars are made here, and stamped with their END."""
        DataFeed.take_labels(self, labels)

    def configure(self, plan: FeedPlan) -> None:
        """Take what the session wants; comes before iteration.

        Raises:
            BadFrequency: the session wants bars of another length.
        """
        if Interval.parse(plan.frequency) != self.interval:
            raise BadFrequency(
                f"the feed makes bars of {self.interval} and the session wants {plan.frequency}: "
                f'pass frequency="{self.interval}" to attach(), or bars_from_ticks(..., '
                f'"{plan.frequency}")'
            )
        axis = SlotAxis(plan.calendar, frequency=self.interval)
        self._making = self._making or TickBars(axis, wait_us=self._wait_us)
        self._names = None if plan.symbols is None else {s.upper(): s for s in plan.symbols}
        if self._names is not None:
            self._names = {**plan.renamed, **self._names}
        super().configure(plan)

    def follow_symbol(self, symbol: str, new_symbol: str) -> None:
        """Take trades of `new_symbol` for trades of `symbol` from now on."""
        if self._names is not None:
            self._names.setdefault(new_symbol.upper(), symbol)
        super().follow_symbol(symbol, new_symbol)

    @property
    def awaited(self) -> datetime | None:
        """END of a slice of which trades have come and that is not over."""
        growing = None if self._making is None else self._making.first_end
        return growing or super().awaited

    def close_through(self, moment: datetime) -> None:
        """Close the slices that are over at a moment although nothing later came."""
        making, latest = self._making, None if self._plan is None else self._plan.latest
        if making is not None and latest is not None and making.first_end is not None:
            quiet_s = asyncio.get_running_loop().time() - self._heard_s
            if quiet_s >= _QUIET_S:
                self._left.extend(making.close_before(us_of(latest()) - self._wait_us))
        super().close_through(moment)

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield the slices as they are closed, and what was wrong with the source."""
        if self._plan is None:
            self.configure(
                FeedPlan(calendar=get_calendar(self._calendar), frequency=self.interval.text)
            )
        async for event in super().__aiter__():
            yield event

    def stats(self) -> dict[str, int]:
        """Return what was counted, trades too."""
        making = self._making
        refused = self._refused.quarantined
        return {
            **super().stats(),
            "ticks": 0 if making is None else making.ticks,
            "ticks_late": 0 if making is None else making.late,
            "ticks_refused": refused.total(),
            **{f"ticks_refused_{reason}": count for reason, count in sorted(refused.items())},
        }

    async def _bars_of(self, ticks: AsyncIterable[object]) -> AsyncIterator[object]:
        loop = asyncio.get_running_loop()
        async for item in ticks:
            self._heard_s = loop.time()
            for one in self._taken(item):
                yield one
        assert self._making is not None
        for done in self._making.finish():
            yield done

    def _taken(self, item: object) -> list[Slice | SystemErrorEvent]:
        assert self._making is not None
        plan = self._plan
        now_us = None if plan is None or plan.latest is None else us_of(plan.latest())
        found: list[Slice | SystemErrorEvent] = []
        try:
            found += self._making.add(self._known(tick_of(item)), now_us)
        except RefusedBar as refusal:
            found += self._noted(item, refusal)
        ahead, self._making.contradicted = self._making.contradicted, None
        if ahead is not None:
            far = RefusedBar("future", f"{stamp_text(ahead.us)} is far ahead of what came next")
            found += self._noted(f"trade of {ahead.symbol} at {ahead.price}", far)
        return found

    def _noted(self, item: object, refusal: RefusedBar) -> list[SystemErrorEvent]:
        assert self._builder is not None
        event = self._refused.note(item, refusal, self._builder.now, what="trade")
        return [] if event is None else [event]

    def _known(self, tick: Tick) -> Tick:
        names = self._names
        if not tick.symbol:
            if names is None or len({*names.values()}) != 1:
                raise RefusedBar("wrong_type", "a trade must name its symbol")
            return replace(tick, symbol=next(iter(names.values())))
        if names is None:
            return tick
        if tick.symbol.upper() not in names:
            raise RefusedBar(
                "unknown_symbol", f"symbol {tick.symbol!r:.40} is not among the session's assets"
            )
        return replace(tick, symbol=names[tick.symbol.upper()])


def bars_from_ticks(
    stream: AsyncIterable[Any] | Connect,
    interval: str,
    *,
    wait_s: float = 0.25,
    calendar: str = "24/7",
) -> TickFeed:
    """Return a feed of bars that are made of trades, for `attach(feed=...)`.

    A bar has the first, highest, lowest and last price of its interval by the trades'
    own times, and the sum of their sizes. A trade at the very moment at which two bars
    meet belongs to the later one, at a session's close to its last. Slices without
    trades are empty. A trade whose bar has left changes nothing that was decided: the
    bar is kept as revised.

    Args:
        stream: An async iterator of trades, or a function of symbols that opens one and
            is called again when it drops. A trade is a mapping, named tuple, dataclass
            or object with a symbol, a time, a price and a size under their usual names
            (`symbol`, `timestamp` or `time`, `price`, `size`, `quantity` or `amount`),
            or a tuple of them. A session with one symbol needs no symbol. Times are
            aware date-times, ISO texts, or numbers since 1970.
        interval: How long a bar is, e.g. "1m"; what the session's `frequency` is.
        wait_s: Seconds by which trades may come out of order: a bar is over once a
            trade comes that is so much later than its end.
        calendar: Whose sessions; in `attach` those of the session.

    Raises:
        BadFrequency: `interval` is no interval.
        InvalidSetting: `wait_s` is not a number from 0 to 60.
    """
    is_number = isinstance(wait_s, (int, float)) and not isinstance(wait_s, bool)
    if not is_number or not 0 <= wait_s <= _MOST_WAIT_S:
        raise InvalidSetting(f"wait_s must be a number from 0 to 60: was {wait_s!r}")
    if not isinstance(stream, AsyncIterable) and not callable(stream):
        raise InvalidSetting(
            "stream must be an async iterator of trades or a function that opens one: was "
            f"{type(stream).__name__}"
        )
    return TickFeed(stream, interval, wait_s=wait_s, calendar=calendar)
