"""From a source's minutes to longer bars: one bar a symbol and slice, made when its
last minute has come.

The rule: a bar leaves when it is whole, or when its slice is over by a later minute or
the clock; a minute that comes after that gives the bar anew. Numbers are added as a
portal's resampling adds them, so that a session's bars equal those of its backtest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from operator import add
from typing import Any, Final

from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.data.feeds.bar_rows import RefusedBar, checked_bar
from rbtlive.data.feeds.data_feed import FeedPlan
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.data.feeds.stream_feed import StreamFeed
from rbtlive.model.bar import BAR_FIELDS, OHLCV
from rbtlive.model.interval import MINUTE, Interval

_KEPT_SLICES: Final = 3
"""Of so many slices that are over, late minutes give their bar anew."""

_GROW: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "highest": max,
    "lowest": min,
    "last": lambda _so_far, value: value,
    "sum": add,
}
_FOLDS: Final = [
    (name, _GROW[field.fold]) for name, field in BAR_FIELDS.items() if field.fold != "first"
]
"""How each field of a growing bar takes in the next minute's; the first value stays."""

Facts = dict[str, Any]
"""A bar as a feed takes it: `symbol`, `timestamp` (the END), prices and volume."""


class BarAggregator:
    """Collects minutes into longer bars.

    Args:
        axis: Which slices there are.
    """

    def __init__(self, axis: SlotAxis) -> None:
        self._axis = axis
        self._growing: dict[int, dict[str, Facts]] = {}
        self._over: dict[int, dict[str, Facts]] = {}
        self._over_us = 0

    @property
    def first_end(self) -> datetime | None:
        """END of the first slice with a bar that grows; None if none does."""
        growing = [slot_us for slot_us, bars in self._growing.items() if bars]
        return datetime_of(min(growing)) if growing else None

    def begin_of(self, us: int) -> int:
        """Return where the slice that holds a moment begins; the moment itself at the
        END of a slice, or outside of trading.
        """
        slot_us = self._axis.slot_at(us)
        return us if slot_us is None or slot_us <= us else self._axis.begin_of(slot_us)

    def add(self, minute: Facts) -> Iterator[Facts]:
        """Take a minute in, and yield the bars that are over with it, oldest first.

        What is no bar is passed on at its slice, for the feed to name it.
        """
        us = us_of(minute["timestamp"])
        slot_us = self._axis.slot_at(us - 1)
        if slot_us is None:
            yield minute
            return
        try:
            checked = checked_bar(dict(minute))
        except RefusedBar:
            yield minute | {"timestamp": datetime_of(slot_us)}
            return
        bar: Facts = {"symbol": checked.symbol, "timestamp": datetime_of(slot_us)}
        bar |= {name: float(getattr(checked, name)) for name in OHLCV}
        yield from self.close_before(slot_us)
        over = self._over.get(slot_us, {})
        if slot_us <= self._over_us or checked.symbol in over:
            if slot_us in self._over:
                yield dict(_grown(over, bar))
            return
        bars = self._growing.setdefault(slot_us, {})
        _grown(bars, bar)
        if us == slot_us:
            whole = bars.pop(checked.symbol)
            self._over.setdefault(slot_us, {})[checked.symbol] = whole
            yield dict(whole)

    def close_before(self, us: int) -> Iterator[Facts]:
        """Yield the bars whose END lies before a moment, oldest first."""
        for slot_us in sorted(self._growing):
            if slot_us >= us:
                break
            bars = self._growing.pop(slot_us)
            self._over.setdefault(slot_us, {}).update(bars)
            self._over_us = max(self._over_us, slot_us)
            for oldest in sorted(self._over)[:-_KEPT_SLICES]:
                del self._over[oldest]
            yield from (dict(bar) for bar in bars.values())


# A minute goes into the bar of its symbol, which is returned.
def _grown(bars: dict[str, Facts], minute: Facts) -> Facts:
    bar = bars.setdefault(minute["symbol"], minute)
    if bar is not minute:
        for name, fold in _FOLDS:
            bar[name] = fold(bar[name], minute[name])
    return bar


class AggregatedFeed(StreamFeed):
    """A feed whose source has minutes and days; a session that wants other parts of a
    day gets them made of the minutes.
    """

    _longer: BarAggregator | None = None

    def configure(self, plan: FeedPlan) -> None:
        """Take what the session wants; comes before iteration."""
        interval = Interval.parse(plan.frequency)
        self._longer = (
            BarAggregator(SlotAxis(plan.calendar, frequency=interval))
            if interval.intraday and interval != MINUTE
            else None
        )
        super().configure(plan)

    @property
    def awaited(self) -> datetime | None:
        """END of a slice of which bars came before it was over; None without one."""
        growing = None if self._longer is None else self._longer.first_end
        return growing or super().awaited

    def _made_of(self, bar: Facts) -> Iterable[Facts]:
        return (bar,) if self._longer is None else self._longer.add(bar)

    def _held_through(self, moment: datetime) -> Iterable[object]:
        return () if self._longer is None else self._longer.close_before(us_of(moment) + 1)
