"""Build slices from single bars: the calendar defines the slices, this module fills and
closes them.

The rule: slices are sent in the calendar's order, each exactly once, including empty
ones, and none before it has ended; bars that do not fit are left out, counted and
named, and never stop the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, Unpack

from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.data.feeds.bar_rows import (
    RefusedBar,
    in_order_of_time,
    is_bare_row,
    is_row,
    plain_bar,
)
from rbtlive.data.feeds.label_watch import PRESENT_STEPS
from rbtlive.data.feeds.leap import WholeSlice, leaps
from rbtlive.data.feeds.list_judge import FEWEST, ListJudge
from rbtlive.data.feeds.placement import BarPlacement
from rbtlive.data.feeds.sequence import NOTHING, SliceTerms
from rbtlive.data.feeds.slot_axis import SlotAxis, SlotLine
from rbtlive.model.bar import Bar
from rbtlive.model.events import (
    Event,
    MarketDataEvent,
    SystemErrorEvent,
    trusted_slice,
)
from rbtlive.model.slice_columns import SliceColumns

_ALL_TIME_US = 1 << 62


class SliceBuilder(BarPlacement):
    """Collects bars into slices, and closes each when all expected bars have come, when
    a later slice begins, or when the clock says so.

    With a clock, a bar is provisional until its END: a symbol's last one counts. A bar
    of an interval that has not begun is from the future: it is reported, and used when
    its time has come. In a recording, a bar that skips slices waits for the next one,
    and counts as from the future if that one contradicts it.

    The results of `add`, `close_through` and `finish` may be consumed lazily: the
    builder's own state has already changed.

    Args:
        axis: The slices of the calendar.
        terms: As `SliceSequence` takes them.

    Attributes:
        skipped: Number of bars that were given before.
        provisional: Number of bars that came before their END.
        ended: Whether a bar beyond `until` came.
    """

    def __init__(self, axis: SlotAxis, **terms: Unpack[SliceTerms]) -> None:
        super().__init__(axis, **terms)
        self._lists = ListJudge(self._known, self._wants)
        self._spelled = None if self._known is None else frozenset(self._known.values())
        self._line = SlotLine(axis)
        self._is_quick = axis.labels == "end"
        self._past_us = _ALL_TIME_US if self._latest is None else 0  # no bar up to here is current

    def add(self, item: object) -> Iterator[Event]:
        """Process an item from a source, and return the events that follow.

        Args:
            item: A bar, a row with a bar's fields, a list of either (one whole slice,
                or bars of several slices if a symbol comes twice), or a
                MarketDataEvent.

        Returns:
            The slices that are now complete, and a SystemErrorEvent for each bar that
            was left out.
        """
        if self._is_quick and (type(item) is dict or type(item) is Bar):
            quick = self._add_in_order(item)
            if quick is not None:
                return quick
        elif (type(item) is list or type(item) is tuple) and len(item) >= FEWEST:
            quick = self._add_columns(item)
            if quick is not None:
                return quick
        due = self._ripen_next()
        following: Iterator[Event]
        if isinstance(item, SystemErrorEvent):  # a message of this package's sources
            following = iter((item,))
        elif isinstance(item, MarketDataEvent):
            following = self._add_event(item)
        elif isinstance(item, (list, tuple)) and not is_row(item):
            following = self._add_list(item)
        else:
            following = self._add_bar(item)[1]
        return following if due is NOTHING else chain(due, following)

    def _add_in_order(  # noqa: C901 - saves a call at every bar
        self, item: dict[str, Any] | Bar
    ) -> Iterator[Event] | None:
        # The same as `_add_bar` for a bar of floats in the open minute or the next one,
        # at a tenth of its cost. For anything unusual it changes nothing and returns
        # None, which leaves the bar to `_add_bar`.
        open_us = self._open_us
        base_us = self._closed_us if open_us is None else open_us
        if self._repeats_us is not None or base_us is None or self._leap or self._ahead.size:
            return None
        bar = plain_bar(item)
        if bar is None:
            return None
        symbol, timestamp = bar.symbol, bar.timestamp
        line = self._line
        us = line.us if timestamp == line.moment else line.place(timestamp)
        if (
            us is None
            or (self._until_us is not None and us > self._until_us)
            or not (symbol in self._taken or self._takes(symbol))
        ):
            return None
        now_us = None
        if us > self._past_us or (us == line.end_us and self._latest is not None):
            now_us = self._now_us()
            if us > now_us:
                return None
        events: Iterator[Event] = NOTHING
        if us != open_us:
            if us != base_us + line.step_us or base_us <= line.begin_us:
                return None
            events = NOTHING if open_us is None else self._close_open()
            self._open_us = us
        elif symbol in self._open_bars:
            return None
        self._open_bars[symbol] = bar
        self.bars += 1
        if now_us is not None and self._labels.is_watching:
            events = chain(events, self._warned(self._labels.placed(us, now_us)))
        if self._expected and len(self._open_bars) >= len(self._expected):
            return self._and_closed(events)
        return events

    def next_alone(self, row: dict[str, Any]) -> MarketDataEvent | None:
        """Process a row that is the whole next slice: of the only expected symbol, in
        floats, and long finished. Return the slice.

        It does the same as `add`, at half its cost; for any other row it changes
        nothing and returns None, which leaves the row to `add`.
        """
        line = self._line
        us = line.next_us
        if (
            self._open_us is not None
            or self._closed_us != line.us
            or us > self._past_us
            or len(self._expected) != 1
            or not self._is_quick
            or type(stamp := row.get("timestamp")) is not datetime
            or stamp != line.next_moment
            or self._repeats_us is not None
            or self._leap
            or self._ahead.is_used
            or (self._latest is not None and us == line.end_us)
            or (self._until_us is not None and us > self._until_us)
        ):
            return None
        bar = plain_bar(row)
        if bar is None:
            return None
        symbol = bar.symbol
        if symbol not in self._expected or not (symbol in self._taken or self._takes(symbol)):
            return None
        timestamp = bar.timestamp
        line.place(timestamp)
        self._closed_us = us
        self.bars += 1
        self.slices += 1
        bars = {symbol: bar}
        self._over.note(us, bars)
        return trusted_slice(timestamp, bars)

    # Whether bars of a symbol are accepted unchanged; checked once until the expected
    # symbols change.
    def _takes(self, symbol: str) -> bool:
        if not (self._spelled is None or symbol in self._spelled):
            return False
        if not (self._wants is None or self._wants(symbol)):
            return False
        if self._known is not None:  # otherwise there may be any number
            self._taken.add(symbol)
        return True

    # The current time. Bars much older than the latest possible ones are judged without
    # reading the clock: time only moves forward.
    def _now_us(self) -> int:
        assert self._latest is not None
        now_us = us_of(self._latest())
        self._past_us = now_us - PRESENT_STEPS * self._axis.step_us
        return now_us

    def _add_columns(self, items: list[Any] | tuple[Any, ...]) -> Iterator[Event] | None:
        # The same as `_add_whole` for a list of ordinary bars of a slice that has not
        # begun. For any other list it changes nothing and returns None, which leaves
        # the list to `_add_whole`.
        if self._leap or self._ahead.size:
            return None
        judged = self._lists.judge(items)
        if judged is None:
            return None
        try:
            slot_us = self._slot(judged.moment)
        except RefusedBar:
            return None
        now_us = None if self._latest is None else us_of(self._latest())
        base_us = self._base_us
        if (
            (base_us is not None and slot_us <= base_us)
            or (self._until_us is not None and slot_us > self._until_us)
            or (now_us is not None and slot_us > now_us)
            or leaps(self._axis, slot_us, base_us=base_us, now_us=now_us)
        ):
            return None
        timestamp = datetime_of(slot_us)
        made = judged.made
        if made is not None and judged.moment != timestamp:
            return None
        self._repeats_us = None
        columns = SliceColumns(timestamp, judged.names, judged.values, made)
        events = [self._open(slot_us)]
        self.bars += len(columns)
        if now_us is not None and self._labels.is_watching:
            events.append(self._warned(self._labels.placed(slot_us, now_us)))
        if judged.odd:
            events += self._add_odd(judged.odd, slot_us, columns)
        whole = None if self._open_bars else columns
        events.append(self._close_open(whole))
        return chain.from_iterable(events)

    # The rows of a list that must be checked one by one, besides the ordinary ones.
    def _add_odd(
        self, odd: list[object], slot_us: int, columns: SliceColumns
    ) -> list[Iterator[Event]]:
        known, symbols = self._known, set(columns.names.symbols)
        whole = WholeSlice(slot_us)
        if any(_symbol_of(item, known) in symbols for item in odd):
            self._open_bars = dict(columns.bars())
        events = [self._add_bar(item, whole=whole)[1] for item in odd]
        if self._open_bars:  # some of them are bars
            self._open_bars = {**columns.bars(), **self._open_bars}
        return events

    # -- incoming bars -----------------------------------------------------------------

    def _add_event(self, event: MarketDataEvent) -> Iterator[Event]:
        slot_us = self._axis.last_at(us_of(event.timestamp))
        if slot_us is not None and self._until_us is not None and slot_us > self._until_us:
            self.ended = True
            return self.finish()
        if slot_us is not None and self._open_us is None and self._closed_us is None:
            self._closed_us = slot_us - 1  # an empty slice may be the first
        bars = list(event.bars.values())
        added = (self._add_columns(bars) if len(bars) >= FEWEST else None) or self._add_whole(bars)
        if self._latest is not None and event.timestamp > self._latest():
            return added
        if self._leap is not None:
            return added
        return chain(added, self.close_through(event.timestamp))

    def _add_list(self, items: list[object] | tuple[object, ...]) -> Iterator[Event]:
        if items and is_bare_row(items):
            numbers = RefusedBar(
                "wrong_type",
                "a row of bare numbers says neither symbol nor field: give a mapping, e.g. "
                "dict(zip(('timestamp', 'open', 'high', 'low', 'close', 'volume'), row), "
                "symbol=...) with timestamp as a date-time",
            )
            return self._said(self._refusals.note(items, numbers, self.now))
        loose = in_order_of_time(items)
        if loose is None:
            return self._add_whole(items)
        return chain.from_iterable([self.add(item) for item in loose])

    def _add_whole(self, items: Iterable[object]) -> Iterator[Event]:
        events: list[Iterator[Event]] = []
        whole = WholeSlice()
        for item in items:
            placed_us, following = self._add_bar(item, whole=whole)
            if whole.slot_us is None:
                whole.slot_us = placed_us
            if following is not NOTHING:
                events.append(following)
        slot_us = whole.slot_us
        if slot_us is not None and slot_us == self._open_us:
            events.append(self._close_open())
        elif slot_us is not None and self._leap is not None and self._leap.slot_us == slot_us:
            self._leap.whole = True
        return chain.from_iterable(events)


# The proper spelling of a row's symbol, if it has one.
def _symbol_of(item: object, known: Mapping[str, str] | None) -> str | None:
    symbol = item.get("symbol") if isinstance(item, dict) else None
    if not isinstance(symbol, str):
        return None
    return symbol if known is None else known.get(symbol.upper())
