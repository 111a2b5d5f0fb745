"""Sessions in which a live feed gave no bars of an asset, or not all.

The rule: the journal is the only memory. A running session and a recovered one process
the same rows, so that no request is lost with a process or a core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Final, NamedTuple

from rbtlive.data.calendars.calendar import TradingCalendar, us_of
from rbtlive.model.asset import Asset
from rbtlive.model.events import Event, PastDaysEvent, UniverseChangedEvent
from rbtlive.runtime.journal.journal_reader import RecordedRun
from rbtlive.runtime.journal.recorder import SESSION_CLOSED

_DAY: Final = timedelta(days=1)


class Gap(NamedTuple):
    """Consecutive sessions that are missing for an asset.

    Attributes:
        first: Label of the first session.
        last: Label of the last session.
    """

    first: date
    last: date

    @property
    def words(self) -> str:
        """The days as words for a message."""
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"

    def without(self, first: date, last: date) -> list[Gap]:
        """Return what is left of it, from no part to two, if these sessions go."""
        before, after = min(self.last, first - _DAY), max(self.first, last + _DAY)
        left = [Gap(self.first, before)] if self.first <= before else []
        return [*left, Gap(after, self.last)] if after <= self.last else left


class Attendance:
    """The missing sessions of each asset of a run.

    Args:
        assets: The run's assets, by the names in its journal.
        calendar: The run's calendar.
        is_empty: Says whether a session has no bar of any asset, as if the source was
            away.

    Attributes:
        inside: The session since which the feed gives all bars of an asset, by symbol;
            None while it gives all bars of all assets.
        gaps: Unanswered gaps, by symbol, the oldest first.
        without_bars: Those that joined in this session or the one before and whose
            earlier bars within the day have not come.
        closed: Label of the session closed last.
    """

    def __init__(
        self,
        assets: Iterable[Asset],
        calendar: TradingCalendar,
        is_empty: Callable[[int], bool] = lambda _session: False,
    ) -> None:
        self._lives = {asset.symbol: (asset.start_date, asset.end_date) for asset in assets}
        self._calendar = calendar
        self._is_empty = is_empty
        self._begun: date | None = None
        self.inside: dict[str, date] | None = None
        self.gaps: dict[str, list[Gap]] = {}
        self.without_bars: dict[str, int] = {}
        self.closed: date | None = None

    def read(self, run: RecordedRun) -> None:
        """Process the rows of a journal."""
        for row in run.rows_without_slices():
            if row.type == SESSION_CLOSED:
                session = self._calendar.session_of_us(us_of(row.timestamp))
                self.close(self._calendar.label(session))
            elif row.type in {UniverseChangedEvent.__name__, PastDaysEvent.__name__}:
                self.take(row.event())

    def take(self, event: Event) -> None:
        """Process a change of the universe, or the answer to a request."""
        if isinstance(event, UniverseChangedEvent):
            self._change(event)
        elif isinstance(event, PastDaysEvent) and event.frequency is not None:
            for symbol in event.symbols:
                self.without_bars.pop(symbol, None)
        elif isinstance(event, PastDaysEvent):
            for symbol in event.symbols:
                self._answer(symbol, event.first, event.last)

    def close(self, label: date) -> None:
        """Process the end of a session."""
        inside = self.inside
        if self._is_empty(self._calendar.number(label)):
            inside = {}
        if inside is not None:
            for symbol, (start, end) in self._lives.items():
                if start <= label <= end and inside.get(symbol, date.max) > label:
                    self._lack(symbol, label)
        self.without_bars = {s: more - 1 for s, more in self.without_bars.items() if more}
        self._begun = self._begun or label
        self.closed = label

    def _lack(self, symbol: str, label: date) -> None:
        gaps = self.gaps.setdefault(symbol, [])
        if gaps and gaps[-1].last == self.closed:
            gaps[-1] = Gap(gaps[-1].first, label)
        else:
            gaps.append(Gap(label, label))

    # An asset that stays keeps its first session; one that leaves misses the session in
    # which it leaves.
    def _change(self, event: UniverseChangedEvent) -> None:
        inside = self.inside
        if inside is None:
            known = self._lives if event.before is None else event.before
            inside = dict.fromkeys(known, date.min)
            if self._begun is not None and self.closed is not None:
                for symbol in self._lives.keys() - inside.keys():
                    start, end = self._lives[symbol]
                    first, last = max(start, self._begun), min(end, self.closed)
                    if first <= last:
                        self.gaps[symbol] = [Gap(first, last)]
        since = date.min if event.whole_from is None else event.whole_from
        joined = [symbol for symbol in event.symbols if symbol not in inside]
        self.without_bars |= dict.fromkeys(joined, 1)
        self.inside = {symbol: inside.get(symbol, since) for symbol in event.symbols}

    def _answer(self, symbol: str, first: date, last: date) -> None:
        gaps = self.gaps.pop(symbol, ())
        left = [part for gap in gaps for part in gap.without(first, last)]
        if left:
            self.gaps[symbol] = left
