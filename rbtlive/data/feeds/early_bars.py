"""Early bars: of an unfinished interval, or stamped in the future.

The rule: such a bar is stored, a symbol's last one wins, and it is used when its slice
ends, never before.
"""

from __future__ import annotations

from rbtlive.model.bar import Bar

_MOST_BARS = 10_000
"""Maximum stored bars; beyond it, the farthest are dropped."""


class BarsAhead:
    """Bars by slice, to be used when the clock or the stream reaches them.

    Attributes:
        by_clock: Bars that become due by the clock, by the END of their slice.
        size: Number of stored bars.
        is_used: Whether any bar was ever stored.
        aside: Bars that the stream itself contradicted: they are due when it reaches
            their slice, whatever the clock says.
    """

    def __init__(self) -> None:
        self.by_clock: dict[int, dict[str, Bar]] = {}
        self.aside: dict[int, dict[str, Bar]] = {}
        self._heard_us: dict[int, tuple[int, int]] = {}
        self.size = 0
        self.is_used = False

    def keep(self, slot_us: int, bar: Bar, now_us: int) -> None:
        """Store a bar until the clock reaches its slice."""
        self._put(self.by_clock, slot_us, bar)
        _before, last = self._heard_us.get(slot_us, (now_us, now_us))
        if slot_us in self.by_clock:
            self._heard_us[slot_us] = last, now_us

    def set_aside(self, slot_us: int, bar: Bar) -> None:
        """Store a bar until the stream reaches its slice."""
        self._put(self.aside, slot_us, bar)

    def _put(self, where: dict[int, dict[str, Bar]], slot_us: int, bar: Bar) -> None:
        self.is_used = True
        bars = where.setdefault(slot_us, {})
        self.size += bar.symbol not in bars
        bars[bar.symbol] = bar
        if self.size > _MOST_BARS:
            pool = max((p for p in (self.by_clock, self.aside) if p), key=max)
            self.size -= len(pool.pop(max(pool)))

    def first_due(self, now_us: int) -> int | None:
        """Return the END of the first slice that has ended by the clock; None if there
        is none.
        """
        if not self.by_clock:
            return None
        first = min(self.by_clock)
        return first if first <= now_us else None

    @property
    def first(self) -> int | None:
        """END of the first slice that becomes due by the clock; None without one."""
        return min(self.by_clock, default=None)

    def first_of(self, symbol: str, *, after_us: int) -> int | None:
        """Return the END of the first slice after a moment that has a bar of a symbol
        and becomes due by the clock; None without one.
        """
        slots = (slot for slot, bars in self.by_clock.items() if symbol in bars)
        return min((slot for slot in slots if slot > after_us), default=None)

    def take(self, slot_us: int) -> dict[str, Bar]:
        """Remove and return the bars of a slice."""
        if not self.size:
            return {}
        bars = self.aside.pop(slot_us, {})
        self.size -= len(bars)
        clocked = self.by_clock.pop(slot_us, {})
        self.size -= len(clocked)
        return {**bars, **clocked}

    def take_between(self, after_us: int, before_us: int) -> dict[int, dict[str, Bar]]:
        """Remove and return the bars of the slices that end strictly between two
        moments.
        """
        if not self.size:
            return {}
        slots = sorted({*self.by_clock, *self.aside})
        return {slot: self.take(slot) for slot in slots if after_us < slot < before_us}

    def pause_us(self, slot_us: int) -> int:
        """Return the time between the source's last two bars for a slice."""
        before, last = self._heard_us.get(slot_us, (0, 0))
        return last - before

    def forget(self, slot_us: int) -> None:
        """Forget slices up to a finished one."""
        if not (self.size or self._heard_us):
            return
        for slot in [slot for slot in self._heard_us if slot <= slot_us]:
            del self._heard_us[slot]
        for pool in (self.by_clock, self.aside):
            for slot in [slot for slot in pool if slot <= slot_us]:
                self.size -= len(pool.pop(slot))

    def all_bars(self) -> list[Bar]:
        """Return every stored bar, in the order of their slices."""
        pools = (self.aside, self.by_clock)
        return [bar for pool in pools for slot_us in sorted(pool) for bar in pool[slot_us].values()]
