"""Slices in the calendar's order: one is open, earlier ones have been sent.

The rule: each is sent once, complete or empty, and none before it has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain, islice
from typing import TypedDict

from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.data.feeds.bar_rows import names_of
from rbtlive.data.feeds.closed_slices import ClosedSlices
from rbtlive.data.feeds.early_bars import BarsAhead
from rbtlive.data.feeds.leap import Leap
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.model.bar import Bar, aware_utc
from rbtlive.model.events import Event, column_slice, trusted_slice
from rbtlive.model.slice_columns import SliceColumns

NOTHING: Iterator[Event] = iter(())
_MOST_BY_CLOCK = 1000
"""For this many slices closed by the clock, the missing bars are remembered."""
_LAST_WORD_US = 5_000_000, 900_000_000
"""How long after its END a slice of provisional bars waits for its final bars: minimum
and maximum.
"""


class SliceTerms(TypedDict, total=False):
    """Optional arguments of `SliceSequence`, which says what each means."""

    symbols: Iterable[str] | None
    wants: Callable[[str], bool] | None
    after: datetime | None
    until: datetime | None
    latest: Callable[[], datetime] | None
    expected: Iterable[str] | None


class SliceSequence:
    """The slices of one feed: opens and closes them, and stores early bars.

    The results of its functions may be consumed lazily: its own state has already
    changed.

    Args:
        axis: The slices of the calendar.
        symbols: The known symbols, in their proper spelling; None accepts any.
        wants: Says whether bars of a symbol go into the slices; other bars only show
            the time. None means all.
        after: END of the last finished slice; bars that are not later are skipped.
            Without it, the first bar's slice is the first.
        until: END of the last wanted slice.
        latest: Returns the latest valid END of a bar, by the clock; None means no bar
            is in the future.
        expected: A slice is closed once these symbols have a final bar; None waits for
            a later bar or the clock.

    Attributes:
        bars: Number of bars accepted.
        slices: Number of slices closed.
        empty: Number of closed slices without a bar.
    """

    def __init__(
        self,
        axis: SlotAxis,
        *,
        symbols: Iterable[str] | None = None,
        wants: Callable[[str], bool] | None = None,
        after: datetime | None = None,
        until: datetime | None = None,
        latest: Callable[[], datetime] | None = None,
        expected: Iterable[str] | None = None,
    ) -> None:
        self.bars = self.slices = self.empty = 0
        self._axis = axis
        self._known = names_of(symbols)
        self._closed_us: int | None = None if after is None else us_of(after)
        self._until_us = None if until is None else us_of(until)
        self._wants = wants
        self._latest = latest
        self._open_us: int | None = None
        self._open_bars: dict[str, Bar] = {}
        self._unsure: set[str] = set()  # symbols of the open slice whose final bar may be missing
        self._ahead = BarsAhead()
        self._leap: Leap | None = None
        self._over = ClosedSlices()
        self._by_clock: dict[int, set[str]] = {}
        self._expected: frozenset[str] = frozenset()
        self._taken: set[str] = set()  # symbols whose bars are known to be wanted
        self.expect(expected)

    @property
    def now(self) -> datetime:
        """Event time: the END of the open slice, or of the last finished one; 1970
        before the first.
        """
        return datetime_of(self._open_us or self._closed_us or 0)

    @property
    def _base_us(self) -> int | None:
        # END of the open slice, otherwise of the last finished one.
        return self._closed_us if self._open_us is None else self._open_us

    @property
    def is_open(self) -> bool:
        """Whether a slice has begun of which bars may still come."""
        return self._open_us is not None

    @property
    def awaited(self) -> datetime | None:
        """END of the first unfinished slice of which bars have arrived."""
        first = self._ahead.first
        return None if first is None else datetime_of(first)

    def follow_symbol(self, symbol: str, new_symbol: str) -> None:
        """Treat bars of `new_symbol` as bars of `symbol` from now on."""
        if self._known is not None:
            self._known.setdefault(new_symbol.upper(), symbol)

    def expect(self, symbols: Iterable[str] | None) -> None:
        """Close slices once these symbols have reported; None waits for a later bar.

        Call it whenever the wanted symbols change.
        """
        self._taken.clear()
        names = () if symbols is None else symbols
        self._expected = frozenset(
            name if self._known is None else self._known.get(name.upper(), name) for name in names
        )

    def close_through(self, moment: datetime) -> Iterator[Event]:
        """Close the slices that have ended by a moment, with or without bars; further
        bars for them are late.
        """
        due = self._ripen()
        moment_us = us_of(aware_utc(moment))
        last_us = self._axis.last_at(
            moment_us if self._until_us is None else min(moment_us, self._until_us)
        )
        if last_us is None or (self._closed_us is not None and last_us <= self._closed_us):
            return due
        if self._closed_us is None and (self._open_us is None or self._open_us > last_us):
            # Nothing has begun that could be closed.
            if self._open_us is None and not self._ahead.size and self._leap is None:
                self._closed_us = last_us
            return due
        self._note_closed_by_clock(last_us)
        closing = (
            self._close_open()
            if self._open_us is not None and self._open_us <= last_us
            else NOTHING
        )
        return chain(due, closing, self._gap(last_us + 1))

    def _note_closed_by_clock(self, last_us: int) -> None:
        # Late bars of these slices are not repetitions: a source that is reopened gives
        # them first.
        slots = self._axis.slots(
            after_us=self._closed_us or self._open_us or 0, before_us=last_us + 1
        )
        for slot_us in islice(slots, _MOST_BY_CLOCK):
            self._by_clock[slot_us] = set(self._open_bars) if slot_us == self._open_us else set()
        for slot_us in list(self._by_clock)[:-_MOST_BY_CLOCK]:
            del self._by_clock[slot_us]

    # -- sending -----------------------------------------------------------------------

    def _and_closed(self, events: Iterator[Event]) -> Iterator[Event]:
        # Closes the open slice if all expected symbols have a final bar.
        if self._expected and not self._unsure and self._expected <= self._open_bars.keys():
            closing = self._close_open()
            return closing if events is NOTHING else chain(events, closing)
        return events

    def _open(self, slot_us: int) -> Iterator[Event]:
        if slot_us == self._open_us:
            return NOTHING
        closing = self._close_open() if self._open_us is not None else NOTHING
        gap = self._gap(slot_us) if self._closed_us is not None else NOTHING
        self._open_us = slot_us
        if self._ahead.size:
            early = self._ahead.take(slot_us)
            self._unsure.update(early)
            self._open_bars.update(early)
            self.bars += len(early)
        return closing if gap is NOTHING else chain(closing, gap)

    def _close_open(self, columns: SliceColumns | None = None) -> Iterator[Event]:
        # Columns, if given, contain all bars of the slice.
        assert self._open_us is not None
        slot_us, bars = self._open_us, self._open_bars
        self._open_us, self._open_bars = None, {}
        self._closed_us = slot_us
        self.slices += 1
        self._over.note(slot_us, columns or bars)
        if self._unsure:
            self._unsure.clear()
        if self._ahead.is_used:
            self._ahead.forget(slot_us)
        if columns:
            return iter((column_slice(columns),))
        for bar in bars.values():
            return iter((trusted_slice(bar.timestamp, bars),))
        return iter((trusted_slice(datetime_of(slot_us), bars),))

    def _gap(self, before_us: int) -> Iterator[Event]:
        # Closes every slice between the last closed one and `before_us`, empty except
        # for early bars.
        assert self._closed_us is not None
        after_us = self._closed_us
        if after_us >= before_us - 1:
            return NOTHING
        self._closed_us = before_us - 1
        early = self._ahead.take_between(after_us, before_us)
        for slot_us, bars in early.items():
            self._over.note(slot_us, bars)
        return self._gap_slices(after_us, before_us, early)

    def _gap_slices(
        self, after_us: int, before_us: int, early: dict[int, dict[str, Bar]]
    ) -> Iterator[Event]:
        for slot_us in self._axis.slots(after_us=after_us, before_us=before_us):
            bars = early.get(slot_us, {})
            self.slices += 1
            self.bars += len(bars)
            self.empty += not bars
            yield trusted_slice(datetime_of(slot_us), bars)

    # -- early bars --------------------------------------------------------------------

    def _ripen_next(self) -> Iterator[Event]:
        # A bar that comes now may rely on complete bars in the slice before it. Later
        # slices wait for the clock, because a source may be catching up.
        base_us = self._base_us
        first_us = self._ahead.first
        if first_us is None or self._latest is None or first_us > us_of(self._latest()):
            return NOTHING
        if base_us is not None and not self._axis.is_next(first_us, base_us):
            return NOTHING
        return self._open(first_us)

    def _ripen(self) -> Iterator[Event]:
        if self._latest is None:
            return NOTHING
        now_us, events = us_of(self._latest()), [NOTHING]
        while (slot_us := self._ahead.first_due(now_us)) is not None:
            events.append(self._open(slot_us))
        open_us = self._open_us
        if open_us is not None and self._unsure and self._expected <= self._open_bars.keys():
            least_us, most_us = _LAST_WORD_US
            wait_us = min(max(2 * self._ahead.pause_us(open_us), least_us), most_us)
            if self._expected and now_us >= open_us + wait_us:
                events.append(self._close_open())
        return chain.from_iterable(events)
