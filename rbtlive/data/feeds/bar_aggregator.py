"""Build longer bars from a source's minutes or days: one bar per symbol and slice, sent
when its last part has arrived.

The rule: a bar is sent when it is complete, or when a later part or the clock ends its
slice; a later part makes it be sent again. Numbers are added in the same way as in a
portal's resampling, so that a session's bars equal those of its backtest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any, Final

from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.data.feeds.bar_rows import RefusedBar, checked_bar
from rbtlive.data.feeds.data_feed import FeedPlan
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.data.feeds.stream_feed import StreamFeed
from rbtlive.model.bar import BAR_FIELDS, OHLCV
from rbtlive.model.interval import DAY, MINUTE, Interval

_KEPT_SLICES: Final = 3
"""For this many past slices, late parts make their bar be sent again."""

_GROW: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "first": lambda so_far, _value: so_far,
    "highest": max,
    "lowest": min,
    "last": lambda _so_far, value: value,
    "sum": add,
}
_FOLDS: Final = [(name, _GROW[field.fold]) for name, field in BAR_FIELDS.items()]
"""How each field of a growing bar is combined with the next part."""

Facts = dict[str, Any]
"""A bar in a feed's form: `symbol`, `timestamp` (the END, or the label of a session),
prices and volume.
"""


class BarAggregator:
    """Collects minutes, or days, into longer bars.

    A bar of a week or month is in the shares of its last session: parts before a split
    within it are adjusted.

    Args:
        axis: The slices of the longer bars.
        days: The slices of sessions, if days are collected.

    Attributes:
        splits: Known splits by symbol, in order: the END of the session in which each
            takes effect, and its ratio.
    """

    def __init__(self, axis: SlotAxis, *, days: SlotAxis | None = None) -> None:
        self.splits: Mapping[str, Sequence[tuple[int, float]]] = {}
        self._axis = axis
        self._days = days
        # By slice and symbol: the days so far, or all minutes combined into one bar.
        self._growing: dict[int, dict[str, list[Facts]]] = {}
        self._over: dict[int, dict[str, list[Facts]]] = {}
        self._over_us = 0

    @property
    def first_end(self) -> datetime | None:
        """END of the first slice with a growing bar; None if no bar grows."""
        growing = [slot_us for slot_us, bars in self._growing.items() if bars]
        return datetime_of(min(growing)) if growing else None

    def begin_of(self, us: int) -> int:
        """Return the start of the slice that contains a moment; the moment itself at
        the END of a slice, or outside trading.
        """
        slot_us = self._axis.slot_at(us)
        return us if slot_us is None or slot_us <= us else self._axis.begin_of(slot_us)

    def add(self, part: Facts) -> Iterator[Facts]:
        """Add a minute or day, and yield the bars that it completes, oldest first.

        An invalid part is passed on at its slice, for the feed to report it.
        """
        us = self._end_of(part["timestamp"])
        slot_us = None if us is None else self._axis.slot_at(us - 1)
        if us is None or slot_us is None:
            yield part
            return
        try:
            checked = checked_bar(part | {"timestamp": datetime_of(us)})
        except RefusedBar:
            yield part | {"timestamp": datetime_of(slot_us)}
            return
        symbol = checked.symbol
        facts = {name: float(getattr(checked, name)) for name in OHLCV} | {"us": us}
        yield from self.close_before(slot_us)
        over = self._over.get(slot_us, {})
        if slot_us <= self._over_us or symbol in over:
            if slot_us in self._over:
                self._grow(over.setdefault(symbol, []), facts)
                yield self._whole(symbol, slot_us, over[symbol])
            return
        bars = self._growing.setdefault(slot_us, {})
        self._grow(bars.setdefault(symbol, []), facts)
        if us == slot_us:
            parts = bars.pop(symbol)
            self._over.setdefault(slot_us, {})[symbol] = parts
            yield self._whole(symbol, slot_us, parts)

    def close_before(self, us: int) -> Iterator[Facts]:
        """Yield the bars whose END is before a moment, oldest first."""
        for slot_us in sorted(self._growing):
            if slot_us >= us:
                break
            bars = self._growing.pop(slot_us)
            self._over.setdefault(slot_us, {}).update(bars)
            self._over_us = max(self._over_us, slot_us)
            for oldest in sorted(self._over)[:-_KEPT_SLICES]:
                del self._over[oldest]
            for symbol, parts in bars.items():
                yield self._whole(symbol, slot_us, parts)

    def _end_of(self, stamp: Any) -> int | None:
        return us_of(stamp) if self._days is None else self._days.slot_of(stamp)

    def _grow(self, parts: list[Facts], part: Facts) -> None:
        if parts and self._days is None:
            parts[0] = _folded(parts[0], part)
        else:
            parts.append(part)

    def _whole(self, symbol: str, slot_us: int, parts: list[Facts]) -> Facts:
        splits = [one for one in self.splits.get(symbol, ()) if one[0] <= slot_us]
        restated = [_in_later_shares(part, splits) for part in parts] if splits else parts
        bar = reduce(_folded, restated)
        return {
            "symbol": symbol,
            "timestamp": datetime_of(slot_us),
            **{name: bar[name] for name in OHLCV},
        }


def _folded(so_far: Facts, part: Facts) -> Facts:
    return {name: fold(so_far[name], part[name]) for name, fold in _FOLDS}


def _in_later_shares(day: Facts, splits: Iterable[tuple[int, float]]) -> Facts:
    ratio = 1.0
    for first_us, split in splits:
        if day["us"] < first_us:
            ratio *= split
    return {
        name: day[name] * ratio if field.is_price else day[name] / ratio
        for name, field in BAR_FIELDS.items()
    }


class AggregatedFeed(StreamFeed):
    """A feed whose source has minutes and days; other intraday bars are built from the
    minutes, weeks and months from the days.
    """

    _longer: BarAggregator | None = None

    def configure(self, plan: FeedPlan) -> None:
        """Store the session's requirements; called before iteration."""
        interval = Interval.parse(plan.frequency)
        self._longer = (
            None
            if interval in (MINUTE, DAY)
            else BarAggregator(
                SlotAxis(plan.calendar, frequency=interval),
                days=self._axis_of(plan) if interval.spans_sessions else None,
            )
        )
        super().configure(plan)

    # The slices of the source's own bars: minutes or days.
    @staticmethod
    def _axis_of(plan: FeedPlan) -> SlotAxis:
        periods = plan.calendar.periods
        return SlotAxis(
            plan.calendar if periods is None else periods.whole,
            frequency=MINUTE if Interval.parse(plan.frequency).intraday else DAY,
        )

    @property
    def awaited(self) -> datetime | None:
        """END of an unfinished slice of which bars have arrived; None without one."""
        growing = None if self._longer is None else self._longer.first_end
        return growing or super().awaited

    def _made_of(self, bar: Facts) -> Iterable[Facts]:
        return (bar,) if self._longer is None else self._longer.add(bar)

    def _held_through(self, moment: datetime) -> Iterable[object]:
        return () if self._longer is None else self._longer.close_before(us_of(moment) + 1)
