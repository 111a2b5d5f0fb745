"""Build slices from single bars: the calendar defines the slices, this module fills and
closes them.

The rule: slices are sent in the calendar's order, each exactly once, including empty
ones, and none before it has ended; bars that do not fit are left out, counted and
named, and never stop the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import chain
from typing import Any

from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.data.feeds.bar_rows import (
    OutsideSession,
    RefusedBar,
    checked_bar,
    clean,
    facts_of,
    in_order_of_time,
    is_bare_row,
    is_row,
    moment_of_stamp,
    plain_bar,
)
from rbtlive.data.feeds.early_bars import BarsAhead
from rbtlive.data.feeds.label_watch import PRESENT_STEPS, LabelWatch
from rbtlive.data.feeds.leap import Leap, WholeSlice, leaps
from rbtlive.data.feeds.list_judge import FEWEST, ListJudge
from rbtlive.data.feeds.quarantine import Quarantine
from rbtlive.data.feeds.sequence import NOTHING, SliceSequence
from rbtlive.data.feeds.slot_axis import SlotAxis, SlotLine
from rbtlive.model.bar import Bar
from rbtlive.model.events import (
    BarRevisedEvent,
    Event,
    MarketDataEvent,
    SystemErrorEvent,
    trusted_slice,
)
from rbtlive.model.interval import MINUTE
from rbtlive.model.slice_columns import SliceColumns

_ALL_TIME_US = 1 << 62
_SKEW_US = 5_000_000
"""How far a vendor's clock may be ahead of this machine's."""


class SliceBuilder(SliceSequence):
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
        skipped: Number of bars that were given before.
        provisional: Number of bars that came before their END.
        ended: Whether a bar beyond `until` came.
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
        super().__init__(
            axis, symbols=symbols, after=after, until=until, latest=latest, expected=expected
        )
        self.skipped = self.provisional = 0
        self.ended = False
        self._wants = wants
        self._refusals = Quarantine()
        self._labels = LabelWatch(axis)
        self._lists = ListJudge(self._known, wants)
        self._repeats_us = self._closed_us
        self._spelled = None if self._known is None else frozenset(self._known.values())
        self._line = SlotLine(axis)
        self._is_quick = axis.labels == "end"
        self._past_us = _ALL_TIME_US if latest is None else 0  # no bar up to here is current

    @property
    def quarantined(self) -> Counter[str]:
        """Bars left out, counted by reason."""
        return self._refusals.quarantined

    @property
    def revised(self) -> int:
        """Bars that were repeated with other values after their slice was sent."""
        return self._over.revised

    @property
    def is_in_doubt(self) -> bool:
        """Whether a bar skipped slices and no later bar has confirmed or contradicted
        it.
        """
        return self._leap is not None

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

    def finish(self) -> Iterator[Event]:
        """Close the open slice, because the source has ended. Bars of an unfinished
        interval are left out.
        """
        events = [self.release(), self._ripen()]
        if self._open_us is not None:
            events.append(self._close_open())
        waiting = len(self._ahead.all_bars())
        if waiting:
            text = f"the source ended before the end of {waiting} bars: they are left out"
            events.append(
                iter((SystemErrorEvent(timestamp=self.now, message=text, source="feed"),))
            )
        self._ahead = BarsAhead()
        return chain.from_iterable(events)

    def open_bars(self) -> list[Bar]:
        """Return the bars of unfinished slices."""
        held = [] if self._leap is None else self._leap.bars
        return [*self._open_bars.values(), *held, *self._ahead.all_bars()]

    def take_up_again(self) -> None:
        """Skip repetitions of a reopened source instead of reporting them."""
        self._repeats_us = self._closed_us or 0

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

    def _add_bar(
        self, item: object, *, whole: WholeSlice | None = None
    ) -> tuple[int | None, Iterator[Event]]:
        # Returns the slice that the bar went into, or None, and the events that follow.
        resolved = NOTHING
        try:
            values = facts_of(item, self._known)
            slot_us = self._slot(moment_of_stamp(values["timestamp"]))
            bar = checked_bar({**values, "timestamp": datetime_of(slot_us)})
            now_us = None if self._latest is None else us_of(self._latest())
            if now_us is not None and slot_us > now_us:
                self._keep(bar, slot_us, now_us)
                return None, NOTHING
            if self._leap is not None:
                resolved = self._resolve(self._leap, slot_us)
            placed_us, following = self._place(bar, slot_us, now_us=now_us, whole=whole)
        except RefusedBar as refusal:
            said = self._said(self._refusals.note(item, refusal, self.now))
            return None, chain(resolved, said, self._warned(self._sign_of(refusal)))
        return placed_us, following if resolved is NOTHING else chain(resolved, following)

    def _slot(self, moment: datetime | date) -> int:
        try:
            slot_us = self._axis.slot_of(moment)
        except (
            OverflowError,
            ValueError,
        ):  # beyond the years that a date can have in another time zone
            slot_us = None
        if slot_us is None:
            what = "minute" if self._axis.interval == MINUTE else self._axis.interval.bar_word
            raise OutsideSession(
                f"timestamp {moment.isoformat()} lies in no {what} of calendar "
                f"{self._axis.calendar.name}",
                moment,
            )
        return slot_us

    def _sign_of(self, refusal: RefusedBar) -> str | None:
        if isinstance(refusal, OutsideSession) and isinstance(refusal.moment, datetime):
            return self._labels.outside(us_of(refusal.moment))
        return None

    def _place(
        self, bar: Bar, slot_us: int, *, now_us: int | None, whole: WholeSlice | None
    ) -> tuple[int | None, Iterator[Event]]:
        if self._leap is not None or leaps(
            self._axis, slot_us, base_us=self._base_us, now_us=now_us
        ):
            self._leap = self._leap or Leap(slot_us)
            self._leap.bars.append(bar)
            return slot_us, NOTHING
        if self._until_us is not None and slot_us > self._until_us:
            self.ended = True
            return None, self.finish()
        known = self._over.known(slot_us, bar.symbol)
        if known is not None and known != bar:
            return None, self._revise(bar, slot_us)
        if known is not None or self._is_repeated(bar, slot_us, loose=whole is None):
            self.skipped += 1
            return None, NOTHING
        is_wanted = self._wants is None or self._wants(bar.symbol)
        if not is_wanted and self._closed_us is not None and slot_us <= self._closed_us:
            return None, NOTHING
        self._refuse_misplaced(bar, slot_us=slot_us, whole=whole)
        if self._base_us is None and now_us is not None:
            self._refuse_before_beginning(bar, slot_us, now_us)
        following = self._open(slot_us)
        if is_wanted:
            self.bars += bar.symbol not in self._open_bars
            self._open_bars[bar.symbol] = bar
            self._unsure.discard(bar.symbol)
        if now_us is not None and self._labels.is_watching:
            following = chain(following, self._warned(self._labels.placed(slot_us, now_us)))
        return slot_us, self._and_closed(following) if whole is None else following

    def _keep(self, bar: Bar, slot_us: int, now_us: int) -> None:
        # A bar of an unfinished interval: the current one, or one in the future.
        if self._until_us is not None and slot_us > self._until_us:
            self.ended = self._closed_us is not None and self._closed_us >= self._until_us
            return
        if self._wants is None or self._wants(bar.symbol):
            self._ahead.keep(slot_us, bar, now_us)
        if self._axis.begin_of(slot_us) <= now_us + _SKEW_US:
            self.provisional += 1
            return
        ahead = datetime_of(slot_us) - datetime_of(now_us)
        raise RefusedBar("future", f"its END lies {str(ahead).partition('.')[0]} in the future")

    def _is_repeated(self, bar: Bar, slot_us: int, *, loose: bool) -> bool:
        if (
            loose
            and slot_us == self._open_us
            and bar.symbol not in self._unsure
            and self._open_bars.get(bar.symbol) == bar
        ):
            return True
        if self._repeats_us is None:
            return False
        if slot_us <= self._repeats_us:
            there = self._by_clock.get(slot_us)
            if there is None or bar.symbol in there:
                return True
            there.add(bar.symbol)  # it is reported once
            return False
        if slot_us == self._open_us and self._open_bars.get(bar.symbol) == bar:
            return True
        if self._closed_us is None or slot_us > self._closed_us:
            self._repeats_us = None
        return False

    def _refuse_misplaced(self, bar: Bar, *, slot_us: int, whole: WholeSlice | None) -> None:
        if whole is not None and whole.slot_us not in (None, slot_us):
            raise RefusedBar(
                "out_of_order", "all bars of a list must have one timestamp: this one has another"
            )
        over = self._closed_us is not None and slot_us <= self._closed_us
        if over or (self._open_us is not None and slot_us < self._open_us):
            late = f"it came late: the slices up to {self.now.isoformat()} have begun"
            if self._expected and bar.symbol not in self._expected:
                raise RefusedBar("not_expected", f"{late}, and expected= does not wait for it")
            raise RefusedBar("old" if self._over.is_forgotten(slot_us) else "out_of_order", late)
        there = slot_us == self._open_us and bar.symbol in self._open_bars
        if there and bar.symbol not in self._unsure:
            raise RefusedBar("duplicate", "its slice has a bar of this symbol already")

    # A run begins with the first slice that its source sent. If this machine's clock is
    # behind, that slice has not ended here yet: an older bar of the same symbol is late
    # all the same.
    def _refuse_before_beginning(self, bar: Bar, slot_us: int, now_us: int) -> None:
        later_us = self._ahead.first_of(bar.symbol, after_us=slot_us)
        if later_us is not None and self._axis.begin_of(later_us) <= now_us + _SKEW_US:
            late = f"it came late: the bar up to {datetime_of(later_us).isoformat()} came before"
            raise RefusedBar("out_of_order", late)

    def _revise(self, bar: Bar, slot_us: int) -> Iterator[Event]:
        times = self._over.revise(slot_us, bar)
        warned = self._warned(self._labels.revised(times))
        if not self._over.is_kept(times):
            return warned
        return chain((BarRevisedEvent(timestamp=self.now, bar=bar),), warned)

    def _resolve(self, leap: Leap, slot_us: int) -> Iterator[Event]:
        # The next bar confirms or contradicts a skip.
        if slot_us == leap.slot_us:
            return NOTHING
        if slot_us > leap.slot_us:
            return self.release()
        self._leap = None
        events = []
        for bar in leap.bars:
            self._ahead.set_aside(leap.slot_us, bar)
            wrong = RefusedBar("future", "it is far ahead of the bars around it")
            events.append(self._said(self._refusals.note(bar, wrong, self.now)))
        return chain.from_iterable(events)

    def release(self) -> Iterator[Event]:
        """Accept a bar that skipped slices: no bar has contradicted it."""
        leap, self._leap = self._leap, None
        if leap is None:
            return NOTHING
        whole = WholeSlice(leap.slot_us) if leap.whole else None
        events = []
        for bar in leap.bars:
            try:
                events.append(self._place(bar, leap.slot_us, now_us=None, whole=whole)[1])
            except RefusedBar as refusal:  # the slice was given twice while it waited
                events.append(self._said(self._refusals.note(bar, refusal, self.now)))
        if leap.whole and self._open_us == leap.slot_us:
            events.append(self._close_open())
        return chain.from_iterable(events)

    # -- messages ----------------------------------------------------------------------

    def _warned(self, text: str | None) -> Iterator[Event]:
        if text is None:
            return NOTHING
        return self._said(SystemErrorEvent(timestamp=self.now, message=clean(text), source="feed"))

    @staticmethod
    def _said(event: Event | None) -> Iterator[Event]:
        return NOTHING if event is None else iter((event,))


# The proper spelling of a row's symbol, if it has one.
def _symbol_of(item: object, known: Mapping[str, str] | None) -> str | None:
    symbol = item.get("symbol") if isinstance(item, dict) else None
    if not isinstance(symbol, str):
        return None
    return symbol if known is None else known.get(symbol.upper())
