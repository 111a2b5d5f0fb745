"""The effect of both runs' bars on an order that both placed.

The rule: an execution on a bar that the other run lacks, or has with other values, is
attributed to the data; the same shares on another bar that both have are attributed to
latency.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.arrays import np
from rbtlive.model.bar import OHLCV
from rbtlive.model.number import ZERO, to_money
from rbtlive.research.explaining.pairs import Executed
from rbtlive.research.run_bars import RunBars, SymbolBars

_AT_CLOSE_US = 1000
"""An execution at most this long after the end of a bar is at that bar's close."""


class BothBars:
    """The bars of a session and of a backtest.

    Args:
        seen: The session's bars; None if they were not kept.
        later: The backtest's bars.
    """

    def __init__(self, seen: RunBars | None, later: RunBars | None) -> None:
        self._seen, self._later = seen, later

    def parts(self, ours: Executed, theirs: Executed) -> Iterator[tuple[str, Decimal, str]]:
        """Yield cause, money and description of each effect of the bars on the
        price.
        """
        if self._seen is None or self._later is None or not (ours.filled and theirs.filled):
            return
        seen, later = self._seen.of(ours.symbol), self._later.of(ours.symbol)
        saw, should = _at_closes(ours, seen), _at_closes(ours, later)
        base = _at_closes(theirs, later)
        if saw is None or should is None or base is None:
            return
        if should != saw:
            is_extra = self._change(ours, later, seen) == "data missing"
            cause = "data missing" if is_extra else "data revised"
            words = "closes of its bars were revised"
            if is_extra:
                words = f"filled at {ours.last_fill} on a bar that the later data has not"
            yield cause, should - saw, words
        late = to_money(base * ours.filled / theirs.filled) - should
        if late:
            words = f"filled at {ours.last_fill}, in the backtest at {theirs.last_fill}"
            yield self._change(theirs, seen, later) or "latency", late, words

    def cause_of_less(self, ours: Executed, theirs: Executed) -> str | None:
        """Return the data as the cause if bars before either run traded have other
        volumes, or, for an order with a limit or stop, other prices, which one run may
        not reach.
        """
        ends = [one.last_fill for one in (ours, theirs) if one.last_fill is not None]
        if self._seen is None or self._later is None or not ends:
            return None
        mine, other = (
            bars.of(ours.symbol).between(us_of(ours.created), us_of(max(ends)))
            for bars in (self._seen, self._later)
        )
        if not np.array_equal(mine.us, other.us):
            return "data missing"
        order = ours.order or theirs.order
        resting = order is not None and (order.limit is not None or order.stop is not None)
        names = OHLCV if resting else ("volume",)
        same = all(
            np.array_equal(getattr(mine, name), getattr(other, name), equal_nan=True)
            for name in names
        )
        return None if same else "data revised"

    def cause_of_last_price(self, symbol: str, when: datetime) -> str:
        """Return why positions are valued at other prices at the end."""
        if self._seen is None or self._later is None:
            return "data revised"
        mine, other = (
            bars.of(symbol).between(0, us_of(when)).us[-1:] for bars in (self._seen, self._later)
        )
        return "data revised" if np.array_equal(mine, other) else "data missing"

    # How the bars of `has` on which an order traded differ from those of `lacks`.
    def _change(self, one: Executed, lacks: SymbolBars, has: SymbolBars) -> str | None:
        for fill in one.fills:
            place = _place(has, fill.dt)
            if place is None:
                continue
            other = int(np.searchsorted(lacks.us, has.us[place]))
            if other >= len(lacks.us) or lacks.us[other] != has.us[place]:
                return "data missing"
            if any(getattr(has, name)[place] != getattr(lacks, name)[other] for name in OHLCV):
                return "data revised"
        return None


# The bar that ends at or after an execution, or ended just before it.
def _place(bars: SymbolBars, when: datetime) -> int | None:
    place = int(np.searchsorted(bars.us, us_of(when) - _AT_CLOSE_US))
    return place if place < len(bars.us) else None


# What the executions would have cost at the closes of their bars.
def _at_closes(one: Executed, bars: SymbolBars) -> Decimal | None:
    total = ZERO
    for fill in one.fills:
        place = _place(bars, fill.dt)
        if place is None:
            return None
        total += fill.amount * to_money(float(bars.close[place]))
    return total
