"""Request daily bars from a live feed for sessions in which it did not give an asset.

The rule: each span of sessions is one request. An answer that covers every session of
it is journaled at once; any other is requested again, and finally named as missing.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import ValidationError

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.data.calendars.calendar import TradingCalendar
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import EmptyData
from rbtlive.model.bar import OHLCV, Bar
from rbtlive.model.events import PastDaysEvent
from rbtlive.runtime.recorded.attendance import Gap

if TYPE_CHECKING:
    from rbtlive.runtime.engine.background_tasks import BackgroundTasks
    from rbtlive.runtime.engine.live_run import LiveRun

ANSWER_S: Final = 120.0
"""How long one answer may take."""
AT_ONCE: Final = 500
"""Maximum bars in one event: three thousand would block the loop for half a second."""
NAMED: Final = 10
"""Maximum symbols named in a message."""
Found = dict[str, dict[date, Bar]]


class Question(NamedTuple):
    """A request for past days.

    Attributes:
        gap: The sessions.
        symbols: The assets.
    """

    gap: Gap
    symbols: tuple[str, ...]


class PastDays:
    """One run's requests to its feed.

    Args:
        run: The run.
        tasks: Tasks that run beside the run.
        look: Called when a request has ended without an answer, to look again for
            missing sessions.
    """

    def __init__(self, run: LiveRun, tasks: BackgroundTasks, look: Callable[[], None]) -> None:
        self._run = run
        self._tasks = tasks
        self._look = look
        self._under_way: set[str] = set()
        self._in_vain: set[tuple[str, Gap]] = set()
        self._one_by_one = asyncio.Lock()

    def ask(self, gaps: Mapping[str, Sequence[Gap]]) -> None:
        """Request the missing sessions that are not already requested and have not
        failed: the oldest gap of each symbol first.
        """
        questions: dict[Gap, list[str]] = defaultdict(list)
        for symbol, spans in gaps.items():
            fresh = [gap for gap in spans if (symbol, gap) not in self._in_vain]
            if fresh and symbol not in self._under_way:
                questions[fresh[0]].append(symbol)
        for gap, symbols in questions.items():
            self._under_way |= set(symbols)
            work = self._answered(Question(gap, tuple(sorted(symbols))))
            self._tasks.start(work, f"history through {gap.last}")

    def note(self, event: PastDaysEvent) -> None:
        """Record that an answer was processed, so that a later gap is a new request."""
        self._under_way -= set(event.symbols)

    async def _answered(self, question: Question) -> None:
        await self._settle(question.gap.last)
        rest, found, why = question, Found(), ""
        for wait_s in (*self._run.feed.past_days_waits_s, None):
            try:
                async with self._one_by_one:
                    answer = await self._fetched(rest)
            except Exception as error:  # noqa: BLE001 - around a feed's code
                why = describe_error(error)
            else:
                found, why = answer, ""
                whole = tuple(s for s in rest.symbols if not self._lacking(s, rest.gap, found))
                self._take(rest.gap, whole, found)
                left = tuple(symbol for symbol in rest.symbols if symbol not in set(whole))
                rest = rest._replace(symbols=left)
                if not left:
                    return
            if wait_s is not None:
                await asyncio.sleep(wait_s)
        if why:
            self._in_vain |= {(symbol, rest.gap) for symbol in rest.symbols}
            self._under_way -= set(rest.symbols)
            self._say(rest, why)
            self._look()
        else:  # the feed has no more: use what it has
            self._say_holes(rest, found)
            self._take(rest.gap, rest.symbols, found)

    # Waits until the bars of the last session are final, by the feed's clock or this
    # one.
    async def _settle(self, last: date) -> None:
        run = self._run
        calendar, settle_s = run.core.state.calendar, run.feed.past_days_settle_s
        final = calendar.close(calendar.number(last)) + timedelta(seconds=settle_s)
        wait_s = (final - (run.feed.present or run.clock.now())).total_seconds()
        if wait_s > 0.0:
            await asyncio.sleep(min(wait_s, settle_s))

    async def _fetched(self, question: Question) -> Found:
        gap, state = question.gap, self._run.core.state
        calendar = state.calendar
        called = {old: new for new, old in state.symbol_changes.names.items()}
        names = {called.get(symbol, symbol): symbol for symbol in question.symbols}
        found: Found = {symbol: {} for symbol in question.symbols}
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._run.feed.past_days(list(names), *gap)
        except EmptyData:
            return found
        given = None if isinstance(answer, PolarsDataPortal) else calendar.name
        portal = PolarsDataPortal.coerce(answer, frequency="1d", calendar=given)
        symbols = [names.get(asset.symbol) for asset in portal.assets]
        for number, row in enumerate(portal.daily.iter_rows(named=True)):
            symbol, label = symbols[row["asset"]], portal.calendar.label(row["session"])
            if symbol is not None and gap.first <= label <= gap.last:
                with suppress(ValidationError):  # skip a bar that cannot be valid
                    found[symbol][label] = _bar(symbol, row, label, calendar)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        return found

    def _lacking(self, symbol: str, gap: Gap, found: Found) -> list[date]:
        state = self._run.core.state
        calendar = state.calendar
        asset = next(one for one in state.market.assets if one.symbol == symbol)
        numbers = range(calendar.number(gap.first), calendar.number(gap.last) + 1)
        labels = [calendar.label(number) for number in numbers]
        return [
            label
            for label in labels
            if asset.start_date <= label <= asset.end_date and label not in found.get(symbol, {})
        ]

    # Bars of one answer go before every bar and trigger, so that no decision uses only
    # part of them; a replay applies them at the same place.
    def _take(self, gap: Gap, symbols: Sequence[str], found: Found) -> None:
        part: list[str] = []
        bars: list[Bar] = []
        for symbol in symbols:
            if bars and len(bars) + len(found.get(symbol, {})) > AT_ONCE:
                self._enqueue(gap, part, bars)
                part, bars = [], []
            part.append(symbol)
            bars += found.get(symbol, {}).values()
        if part:
            self._enqueue(gap, part, bars)

    def _enqueue(self, gap: Gap, symbols: Sequence[str], bars: list[Bar]) -> None:
        bars.sort(key=lambda bar: (bar.timestamp, bar.symbol))
        self._run.enqueue(
            PastDaysEvent(
                timestamp=self._run.clock.now(),
                symbols=tuple(symbols),
                first=gap.first,
                last=gap.last,
                bars=tuple(bars),
            )
        )

    def _say(self, question: Question, why: str) -> None:
        self._run.on_message(
            "warning",
            f"the feed gave no daily bars of {question.gap.words} for {_some(question.symbols)}, "
            f"of which the run has none: {why:.200}; windows of days and tables lack them until "
            "the feed answers: it is asked again after the next session, or after a restart",
        )

    def _say_holes(self, question: Question, found: Found) -> None:
        lacking = {s: self._lacking(s, question.gap, found) for s in question.symbols}
        words = [
            f"{symbol} ({', '.join(map(str, days[:3]))}{', …' if len(days) > 3 else ''})"
            for symbol, days in lacking.items()
        ]
        self._run.on_message(
            "warning",
            "the feed has no daily bars of these assets and sessions, so that windows of days and "
            f"tables have none: {_some(words)}; if they traded then, ask the feed's provider",
        )


def _some(words: Sequence[str]) -> str:
    return ", ".join(words[:NAMED]) + (f", … ({len(words)} in all)" if len(words) > NAMED else "")


def _bar(symbol: str, row: Mapping[str, object], label: date, calendar: TradingCalendar) -> Bar:
    facts: dict[str, object] = {name: row[name] for name in OHLCV}
    end = calendar.close(calendar.number(label))
    return Bar.model_validate({"symbol": symbol, "timestamp": end, **facts})
