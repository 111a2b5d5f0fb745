"""Build bars from trades: one bar per symbol and slice, which grows until its slice
ends.

The rule: a trade belongs to the slice in which it happened, whenever it arrives. A
slice ends when a later trade comes; a late trade does not change a sent bar but makes
it be sent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from rbtlive.data.calendars.calendar import datetime_of
from rbtlive.data.feeds.bar_rows import OutsideSession, RefusedBar
from rbtlive.data.feeds.placement import CLOCK_SKEW_US
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.data.feeds.ticks import Tick, stamp_text

_KEPT_SLICES: Final = 3
"""For this many past slices, late trades make their bar be sent again."""

Slice = list[dict[str, Any]]
"""The bars of one slice, in a feed's form."""


@dataclass(slots=True)
class GrowingBar:
    """A bar of the trades so far."""

    symbol: str
    first_us: int
    last_us: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    def grow(self, tick: Tick) -> None:
        """Add a trade, in the order of its time."""
        self.high, self.low = max(self.high, tick.price), min(self.low, tick.price)
        self.volume += tick.size
        if tick.us < self.first_us:
            self.first_us, self.open = tick.us, tick.price
        if tick.us >= self.last_us:
            self.last_us, self.close = tick.us, tick.price

    def facts(self, slot_us: int) -> dict[str, Any]:
        """Return the bar in a feed's form."""
        return {
            "symbol": self.symbol,
            "timestamp": datetime_of(slot_us),
            "open": self.open,
            "high": self.high,
            "low": self.low,
            "close": self.close,
            "volume": self.volume,
        }


class TickBars:
    """Collects trades into slices of bars.

    Args:
        axis: The slices of the calendar.
        wait_us: How much later than a slice's END a trade must be to close it: trades
            that are out of order by less are not late.

    Attributes:
        ticks: Number of trades accepted.
        late: Number of trades that came after their slice was sent.
        contradicted: A trade that was far ahead of the next one and was left out; its
            reader resets it.
        latest_us: Time of the latest trade; None before the first.
    """

    def __init__(self, axis: SlotAxis, *, wait_us: int) -> None:
        self.ticks = self.late = 0
        self.contradicted: Tick | None = None
        self.latest_us: int | None = None
        self._axis = axis
        self._wait_us = wait_us
        self._growing: dict[int, dict[str, GrowingBar]] = {}
        self._over: dict[int, dict[str, GrowingBar]] = {}
        self._over_us = 0
        self._doubtful: Tick | None = None

    @property
    def first_end(self) -> datetime | None:
        """END of the first growing slice; None if no slice grows."""
        return datetime_of(min(self._growing)) if self._growing else None

    def add(self, tick: Tick, now_us: int | None) -> list[Slice]:
        """Add a trade, and return the slices that it ends, oldest first; a late trade
        gives its bar again.

        Args:
            tick: The trade.
            now_us: Current time; None for sources of the past.

        Raises:
            RefusedBar: the trade is in the future or in no session.
        """
        if now_us is not None and tick.us > now_us + CLOCK_SKEW_US:
            raise RefusedBar("future", f"{stamp_text(tick.us)} lies in the future")
        slot_us = self._slot_of(tick.us)
        doubtful, self._doubtful = self._doubtful, None
        done: list[Slice] = []
        if doubtful is not None:
            if self._is_leap(tick.us, now_us) or tick.us >= doubtful.us:
                done += self._take(doubtful, self._slot_of(doubtful.us))
            else:
                self.contradicted = doubtful
        elif self._is_leap(tick.us, now_us):
            self._doubtful = tick
            return done
        return done + self._take(tick, slot_us)

    def _take(self, tick: Tick, slot_us: int) -> list[Slice]:
        self.ticks += 1
        if slot_us <= self._over_us:
            return self._take_late(tick, slot_us)
        _grow(self._growing.setdefault(slot_us, {}), tick)
        self.latest_us = max(self.latest_us or tick.us, tick.us)
        return self.close_before(self.latest_us - self._wait_us)

    def _take_late(self, tick: Tick, slot_us: int) -> list[Slice]:
        self.late += 1
        bars = self._over.get(slot_us)
        if bars is None:
            return []
        return [[_grow(bars, tick).facts(slot_us)]]

    def close_before(self, us: int) -> list[Slice]:
        """Return the slices whose END is not after a moment, oldest first."""
        return [self._close(slot_us) for slot_us in sorted(self._growing) if slot_us <= us]

    def finish(self) -> list[Slice]:
        """Return all remaining slices, because the source has ended."""
        done: list[Slice] = []
        if self._doubtful is not None:
            tick, self._doubtful = self._doubtful, None
            done += self._take(tick, self._slot_of(tick.us))
        return done + [self._close(slot_us) for slot_us in sorted(self._growing)]

    def _close(self, slot_us: int) -> Slice:
        bars = self._over[slot_us] = self._growing.pop(slot_us)
        self._over_us = max(self._over_us, slot_us)
        for oldest in sorted(self._over)[:-_KEPT_SLICES]:
            del self._over[oldest]
        return [bar.facts(slot_us) for bar in bars.values()]

    def _slot_of(self, us: int) -> int:
        slot_us = self._axis.slot_at(us)
        if slot_us is None:
            raise OutsideSession(f"{stamp_text(us)} lies outside every session", datetime_of(us))
        return slot_us

    def _is_leap(self, us: int, now_us: int | None) -> bool:
        # In a recording, a trade that skips a whole slice waits for the next one.
        if self.latest_us is None or now_us is None or now_us - us < self._axis.step_us * 10:
            return False
        before = self._axis.slot_at(self.latest_us)
        slot_us = self._axis.slot_at(us)
        return (
            before is not None
            and slot_us is not None
            and slot_us > before
            and not (self._axis.is_next(slot_us, before))
        )


def _grow(bars: dict[str, GrowingBar], tick: Tick) -> GrowingBar:
    bar = bars.get(tick.symbol)
    if bar is None:
        price = tick.price
        bar = bars[tick.symbol] = GrowingBar(
            tick.symbol, tick.us, tick.us, price, price, price, price, tick.size
        )
    else:
        bar.grow(tick)
    return bar
