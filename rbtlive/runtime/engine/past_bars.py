"""Request a live feed's earlier bars within the day of assets that joined.

The rule: the bars of the session before and of the day so far are requested once an
asset joins, and fill only rows in which it has none. What was decided stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.data.calendars.calendar import datetime_of
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import EmptyData
from rbtlive.model.bar import OHLCV, Bar
from rbtlive.model.events import PastDaysEvent
from rbtlive.runtime.engine.past_days import ANSWER_S, AT_ONCE, shortened

if TYPE_CHECKING:
    from rbtlive.runtime.engine.background_tasks import BackgroundTasks
    from rbtlive.runtime.engine.live_run import LiveRun

_WAITS: Final = 2
"""So many of the feed's waits are used: later, the day has gone on."""


class PastBars:
    """The requests of one run for bars within the day.

    Args:
        run: The run.
        tasks: The run's background tasks.
    """

    def __init__(self, run: LiveRun, tasks: BackgroundTasks) -> None:
        self._run = run
        self._tasks = tasks
        self._since: dict[str, int | None] = {}  # the last slice when an asset joined
        self._asked: set[str] = set()

    @property
    def is_open(self) -> bool:
        """Whether an asset is known that joined and has had no answer."""
        return bool(self._since)

    def note(self, event: PastDaysEvent) -> None:
        """Record that an answer was processed: who joins again is another request."""
        if event.frequency is None:
            return
        for symbol in event.symbols:
            self._since.pop(symbol, None)
            self._asked.discard(symbol)

    # The slice that was under way when an asset joined may lack it: the one after it is
    # waited for, and bars up to there are requested.
    def look(self, lacking: Iterable[str]) -> None:
        """Request the bars of assets that joined before the last slice.

        Args:
            lacking: Assets whose bars have not come.
        """
        if not self._run.feed.has_past_bars:
            return
        state, wanted = self._run.core.state, set(lacking)
        last_us = state.market.last_slice_us
        for symbol in wanted - self._since.keys():
            self._since[symbol] = last_us
        for symbol in self._since.keys() - wanted:
            del self._since[symbol]
            self._asked.discard(symbol)
        ready = sorted(s for s in wanted - self._asked if self._since[s] != last_us)
        if not ready or last_us is None:
            return
        self._asked |= set(ready)
        calendar = state.calendar
        session = calendar.session_of_us(last_us)
        begin = calendar.open(max(session - 1, state.market.first_session))
        work = self._answered(tuple(ready), begin, datetime_of(last_us))
        self._tasks.start(work, "bars within the day")

    async def _answered(self, symbols: tuple[str, ...], first: datetime, last: datetime) -> None:
        run, why = self._run, ""
        for wait_s in (*run.feed.past_days_waits_s[:_WAITS], None):
            try:
                bars = await self._fetched(symbols, first, last)
            except Exception as error:  # noqa: BLE001 - around a feed's code
                why = describe_error(error)
            else:
                self._take(symbols, bars, (first, last))
                return
            if wait_s is not None:
                await asyncio.sleep(wait_s)
        run.on_message(
            "warning",
            f"the feed gave no earlier bars of {shortened(symbols)}, which joined: {why:.200}; "
            "windows within the day begin where they joined, and so do tables with when=",
        )

    async def _fetched(
        self, symbols: tuple[str, ...], first: datetime, last: datetime
    ) -> list[Bar]:
        state = self._run.core.state
        called = {old: new for new, old in state.symbol_changes.names.items()}
        names = {called.get(symbol, symbol): symbol for symbol in symbols}
        frequency = state.settings.frequency
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._run.feed.past_bars(list(names), first, last, frequency)
        except EmptyData:
            return []
        given = None if isinstance(answer, PolarsDataPortal) else state.calendar.name
        portal = PolarsDataPortal.coerce(answer, frequency=frequency, calendar=given)
        bars: list[Bar] = []
        for number, row in enumerate(portal.to_frame(frequency).iter_rows(named=True)):
            symbol, stamp = names.get(row["symbol"]), row["timestamp"]
            if symbol is not None and first <= stamp <= last:
                facts = {name: row[name] for name in OHLCV}
                with suppress(ValidationError):  # skip a bar that cannot be valid
                    bar = {"symbol": symbol, "timestamp": stamp, **facts}
                    bars.append(Bar.model_validate(bar))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        return bars

    # All parts of an answer go before the next slice.
    def _take(
        self, symbols: tuple[str, ...], bars: list[Bar], span: tuple[datetime, datetime]
    ) -> None:
        for begin in range(0, max(len(bars), 1), AT_ONCE):
            self._run.enqueue(
                PastDaysEvent(
                    timestamp=self._run.clock.now(),
                    symbols=symbols,
                    first=span[0].date(),
                    last=span[1].date(),
                    bars=tuple(bars[begin : begin + AT_ONCE]),
                    frequency=self._run.core.state.settings.frequency,
                )
            )
