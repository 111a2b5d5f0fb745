"""Place a single bar: into its slice, aside until its time comes, or nowhere.

The rule: a bar is placed by its time and by what came before it; one that does not fit
is refused with a reason, and never stops the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain
from typing import Final, Unpack

from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.data.feeds.bar_rows import (
    OutsideSession,
    RefusedBar,
    checked_bar,
    clean,
    facts_of,
    moment_of_stamp,
)
from rbtlive.data.feeds.early_bars import BarsAhead
from rbtlive.data.feeds.label_watch import LabelWatch
from rbtlive.data.feeds.leap import Leap, WholeSlice, leaps
from rbtlive.data.feeds.quarantine import Quarantine
from rbtlive.data.feeds.sequence import NOTHING, SliceSequence, SliceTerms
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.model.bar import Bar
from rbtlive.model.events import BarRevisedEvent, Event, SystemErrorEvent
from rbtlive.model.interval import MINUTE

CLOCK_SKEW_US: Final = 5_000_000
"""How far a vendor's clock may be ahead of this machine's."""


class BarPlacement(SliceSequence):
    """Places bars, one at a time, in the slices of one feed.

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
        self.skipped = self.provisional = 0
        self.ended = False
        self._refusals = Quarantine()
        self._labels = LabelWatch(axis)
        self._repeats_us = self._closed_us

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
        if self._axis.begin_of(slot_us) <= now_us + CLOCK_SKEW_US:
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
            length = self._axis.interval
            raise RefusedBar(
                "duplicate",
                f"its slice of {length} has a bar of this symbol already (bars of another length "
                "need frequency=)",
            )

    # A run begins with the first slice that its source sent. If this machine's clock is
    # behind, that slice has not ended here yet: an older bar of the same symbol is late
    # all the same.
    def _refuse_before_beginning(self, bar: Bar, slot_us: int, now_us: int) -> None:
        later_us = self._ahead.first_of(bar.symbol, after_us=slot_us)
        if later_us is not None and self._axis.begin_of(later_us) <= now_us + CLOCK_SKEW_US:
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
