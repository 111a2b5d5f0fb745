"""Request daily bars from a live feed for sessions in which it did not give an asset.

The rule: each span of sessions is one request. The sessions that an answer has are
journaled at once; those it lacks are requested again, and finally named as missing. No
session begins while a request about earlier ones waits for its first answer.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import ValidationError

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.data.calendars.calendar import TradingCalendar
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import EmptyData
from rbtlive.model.bar import OHLCV, Bar
from rbtlive.model.events import PastDaysEvent
from rbtlive.runtime.engine.untold_splits import untold_splits
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
Days = list[date]


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
        self._under_way: dict[str, list[Gap]] = {}
        self._in_vain: set[tuple[str, Gap]] = set()
        self._one_by_one = asyncio.Lock()
        # Those that were sent and have had no answer, and until when a session waits.
        self._unheard: dict[Question, float] = {}
        self._heard = asyncio.Event()

    # --- what waits -------------------------------------------------------------------

    @property
    def is_waiting(self) -> bool:
        """Whether a session that begins now would lack what may come at once."""
        now_s = asyncio.get_running_loop().time()
        return any(until_s > now_s for until_s in self._unheard.values())

    async def heard(self) -> None:
        """Return once every question has had an answer, or has waited long enough."""
        while self.is_waiting:
            self._heard.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(max(self._unheard.values())):
                    await self._heard.wait()
        for question in self._unheard:
            self._run.on_message(
                "warning",
                f"the feed gave no answer yet on the daily bars of {question.gap.words} for "
                f"{shortened(question.symbols)}: the session begins without them, and its windows "
                "of days and tables may differ from a backtest's",
            )
        self._unheard.clear()

    def _wait_for(self, question: Question, settle_s: float = 0.0) -> None:
        now_s = asyncio.get_running_loop().time()
        self._unheard[question] = now_s + settle_s + self._run.feed.past_days_patience_s

    def _note_heard(self, question: Question) -> None:
        self._unheard.pop(question, None)
        self._heard.set()

    # --- questions --------------------------------------------------------------------

    def ask(self, gaps: Mapping[str, Sequence[Gap]]) -> None:
        """Request the missing sessions that are not already requested and have not
        failed.
        """
        questions: dict[Gap, list[str]] = defaultdict(list)
        for symbol, spans in gaps.items():
            for gap in spans:
                for part in self._fresh(symbol, gap):
                    questions[part].append(symbol)
        for gap, symbols in questions.items():
            for symbol in symbols:
                self._under_way.setdefault(symbol, []).append(gap)
            question = Question(gap, tuple(sorted(symbols)))
            settle_s = self._settles_in_s(gap.last)
            if settle_s <= 0.0 or self._follows_at_once(gap.last):
                self._wait_for(question, max(settle_s, 0.0))
            self._tasks.start(self._answered(question), f"history through {gap.last}")

    def note(self, event: PastDaysEvent) -> None:
        """Record that an answer was processed, so that a later gap is a new request."""
        if event.frequency is None:
            self._forget(event.symbols, event.first, event.last)

    def _forget(self, symbols: Sequence[str], first: date, last: date) -> None:
        for symbol in symbols:
            gaps = self._under_way.pop(symbol, ())
            left = [part for gap in gaps for part in gap.without(first, last)]
            if left:
                self._under_way[symbol] = left

    def _fresh(self, symbol: str, gap: Gap) -> list[Gap]:
        parts = [gap]
        for asked in self._under_way.get(symbol, ()):
            parts = [left for part in parts for left in part.without(*asked)]
        spans = [span for part in parts for span in self._sessions_in(part)]
        return [span for span in spans if (symbol, span) not in self._in_vain]

    # The rest of a gap after an answer may begin or end on a day without a session.
    def _sessions_in(self, gap: Gap) -> list[Gap]:
        calendar = self._run.core.state.calendar
        first, last = calendar.at_or_after(gap.first), calendar.at_or_before(gap.last)
        return [Gap(calendar.label(first), calendar.label(last))] if first <= last else []

    async def _answered(self, question: Question) -> None:
        wait_s = self._settles_in_s(question.gap.last)
        if wait_s > 0.0:
            await asyncio.sleep(min(wait_s, self._run.feed.past_days_settle_s))
            if question in self._unheard or not self._follows_at_once(question.gap.last):
                self._wait_for(question)
        rest, why = {symbol: self._listed(symbol, question.gap) for symbol in question.symbols}, ""
        for again_s in (*self._run.feed.past_days_waits_s, None):
            try:
                async with self._one_by_one:
                    found = await self._fetched(Question(question.gap, tuple(rest)))
            except Exception as error:  # noqa: BLE001 - around a feed's code
                why = describe_error(error)
            else:
                why = ""
                rest = self._take_found(question.gap, rest, found)
                self._note_heard(question)
                if not rest:
                    return
            if again_s is not None:
                await asyncio.sleep(again_s)
        self._note_heard(question)
        self._give_up(question.gap, rest, why)

    # What an answer has is taken, session by session; what it lacks is returned.
    def _take_found(self, gap: Gap, rest: Mapping[str, Days], found: Found) -> dict[str, Days]:
        taken = {symbol: [day for day in rest[symbol] if day in found[symbol]] for symbol in rest}
        left = {
            symbol: [day for day in rest[symbol] if day not in found[symbol]] for symbol in rest
        }
        lacking = {symbol: days for symbol, days in left.items() if days}
        self._say_jumps({s: {day: found[s][day] for day in days} for s, days in taken.items()})
        self._take(gap, {s: days for s, days in taken.items() if days or s not in lacking}, found)
        return lacking

    def _give_up(self, gap: Gap, rest: Mapping[str, Days], why: str) -> None:
        if not why:  # it has no more
            self._say_holes(rest)
            self._take(gap, rest, {})
            return
        for symbol, days in rest.items():
            self._in_vain |= {(symbol, part) for part in (gap, *self._spans(symbol, gap, days))}
        self._forget(tuple(rest), *gap)
        self._say(Question(gap, tuple(rest)), why)
        self._look()

    # Until the bars of the last session are final, by the feed's clock or this one.
    def _settles_in_s(self, last: date) -> float:
        run = self._run
        return (self._final(last) - (run.feed.present or run.clock.now())).total_seconds()

    # Whether the next session begins before the bars of the last are final, as around
    # the clock.
    def _follows_at_once(self, last: date) -> bool:
        calendar = self._run.core.state.calendar
        following = min(calendar.number(last) + 1, len(calendar) - 1)
        return calendar.open(following) < self._final(last)

    # When the bars of a session are final.
    def _final(self, label: date) -> datetime:
        calendar, settle_s = self._run.core.state.calendar, self._run.feed.past_days_settle_s
        return calendar.close(calendar.number(label)) + timedelta(seconds=settle_s)

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

    def _listed(self, symbol: str, gap: Gap) -> Days:
        state = self._run.core.state
        calendar = state.calendar
        asset = next(one for one in state.market.assets if one.symbol == symbol)
        numbers = range(calendar.number(gap.first), calendar.number(gap.last) + 1)
        labels = [calendar.label(number) for number in numbers]
        return [label for label in labels if asset.start_date <= label <= asset.end_date]

    # Those of the asset's sessions in a gap that follow each other and are chosen.
    def _spans(self, symbol: str, gap: Gap, chosen: Days) -> list[Gap]:
        days = self._listed(symbol, gap)
        runs = groupby(days, key=set(chosen).__contains__)
        spans = [list(span) for is_chosen, span in runs if is_chosen]
        return [Gap(span[0], span[-1]) for span in spans] if days else [gap]

    # Bars of one answer go before every bar and trigger, so that no decision uses only
    # part of them; a replay applies them at the same place.
    def _take(self, gap: Gap, taken: Mapping[str, Days], found: Found) -> None:
        spans: dict[Gap, list[str]] = defaultdict(list)
        for symbol, days in taken.items():
            for span in self._spans(symbol, gap, days):
                spans[span].append(symbol)
        for span, symbols in spans.items():
            part: list[str] = []
            bars: list[Bar] = []
            for symbol in symbols:
                given = found.get(symbol, {}).items()
                new = [bar for day, bar in given if span.first <= day <= span.last]
                if bars and len(bars) + len(new) > AT_ONCE:
                    self._enqueue(span, part, bars)
                    part, bars = [], []
                part.append(symbol)
                bars += new
            self._enqueue(span, part, bars)

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
            f"the feed gave no daily bars of {question.gap.words} for "
            f"{shortened(question.symbols)}, of which the run has none: {why:.200}; windows of "
            "days and tables lack them until the feed answers: it is asked again after the next "
            "session, or after a restart",
        )

    def _say_jumps(self, found: Found) -> None:
        state = self._run.core.state
        jumps = [jump for symbol in found for jump in untold_splits(state, symbol, found[symbol])]
        if jumps:
            self._run.on_message(
                "warning",
                "these prices jumped as in a split while the assets were outside, and the run "
                f"knows of no split: {shortened([jump.words for jump in jumps])}; if one happened, "
                "windows and tables over that day are wrong until you attach again with data= "
                "that has it: the run goes on",
            )

    def _say_holes(self, lacking: Mapping[str, Days]) -> None:
        words = [
            f"{symbol} ({', '.join(map(str, days[:3]))}{', …' if len(days) > 3 else ''})"
            for symbol, days in lacking.items()
        ]
        self._run.on_message(
            "warning",
            "the feed has no daily bars of these assets and sessions, so that windows of days and "
            f"tables have none: {shortened(words)}; if they traded then, ask the feed's provider",
        )


def shortened(words: Sequence[str]) -> str:
    """Return words as a list in a message, of many the first."""
    return ", ".join(words[:NAMED]) + (f", … ({len(words)} in all)" if len(words) > NAMED else "")


def _bar(symbol: str, row: Mapping[str, object], label: date, calendar: TradingCalendar) -> Bar:
    facts: dict[str, object] = {name: row[name] for name in OHLCV}
    end = calendar.close(calendar.number(label))
    return Bar.model_validate({"symbol": symbol, "timestamp": end, **facts})
