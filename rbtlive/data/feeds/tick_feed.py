"""Turn trades into a feed of bars.

The rule: bars are built while the trades come, by the session's own calendar and
interval; after that they are bars like any others.
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
from rbtlive.data.feeds.quarantine import Quarantine
from rbtlive.data.feeds.slot_axis import Labels, SlotAxis
from rbtlive.data.feeds.source_opening import Connect
from rbtlive.data.feeds.stream_feed import StreamFeed
from rbtlive.data.feeds.tick_bars import Slice, TickBars
from rbtlive.data.feeds.ticks import Tick, stamp_text, tick_of
from rbtlive.errors import BadFrequency, InvalidSetting
from rbtlive.model.events import Event, SystemErrorEvent
from rbtlive.model.interval import Interval

_QUIET_S: Final = 1.0
"""A source that was silent for this long is not just catching up."""
_MOST_WAIT_S: Final = 60.0


class TickFeed(StreamFeed):
    """Bars built from trades; `bars_from_ticks` creates one.

    Args:
        source: A source as for StreamFeed, but of trades.
        interval: Length of a bar.
        wait_s: Trades that are out of order by less than this are not late.
        calendar: Calendar of the sessions, if no session gives one.
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
        """Refuse stamps of starts: bars are built here, and stamped with their END."""
        DataFeed.take_labels(self, labels)

    def configure(self, plan: FeedPlan) -> None:
        """Store the session's requirements; called before iteration.

        Raises:
            BadFrequency: the session requires bars of another length.
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
        """Treat trades of `new_symbol` as trades of `symbol` from now on."""
        if self._names is not None:
            self._names.setdefault(new_symbol.upper(), symbol)
        super().follow_symbol(symbol, new_symbol)

    @property
    def awaited(self) -> datetime | None:
        """END of an unfinished slice of which trades have come."""
        growing = None if self._making is None else self._making.first_end
        return growing or super().awaited

    def close_through(self, moment: datetime) -> None:
        """Close the slices that have ended by a moment even if no later trade came."""
        making, latest = self._making, None if self._plan is None else self._plan.latest
        if making is not None and latest is not None and making.first_end is not None:
            quiet_s = asyncio.get_running_loop().time() - self._heard_s
            if quiet_s >= _QUIET_S:
                self._left.extend(making.close_before(us_of(latest()) - self._wait_us))
        super().close_through(moment)

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield the slices as they are closed, and errors of the source."""
        if self._plan is None:
            self.configure(
                FeedPlan(calendar=get_calendar(self._calendar), frequency=self.interval.text)
            )
        async for event in super().__aiter__():
            yield event

    def stats(self) -> dict[str, int]:
        """Return the counters, including trades."""
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
    """Return a feed of bars built from trades, for `attach(feed=...)`.

    A bar has the first, highest, lowest and last price of its interval by the trades'
    own times, and the sum of their sizes. A trade at the exact boundary of two bars
    belongs to the later one, at a session's close to the session's last. Slices without
    trades are empty. A trade for a bar that was already sent changes no decision: the
    bar is recorded as revised.

    Args:
        stream: An async iterator of trades, or a function of symbols that opens one and
            is called again when it drops. A trade is a mapping, named tuple, dataclass
            or object with a symbol, a time, a price and a size under their usual names
            (`symbol`, `timestamp` or `time`, `price`, `size`, `quantity` or `amount`),
            or a tuple of them. With only one symbol in the session, the symbol may be
            missing. Times are aware date-times, ISO texts, or numbers since 1970.
        interval: Length of a bar, e.g. "1m"; equal to the session's `frequency`.
        wait_s: Seconds by which trades may be out of order: a bar ends once a trade
            comes that is this much later than its END.
        calendar: Calendar of the sessions; with `attach`, the session's.

    Raises:
        BadFrequency: `interval` is not an interval.
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
