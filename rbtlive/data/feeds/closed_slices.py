"""Memory of closed slices: whether a bar for one of them repeats, revises or completes
it.

The rule: a slice that was sent never changes. The latest are remembered bar by bar, so
that a repetition is silent and a revision is reported.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Final

from rbtlive.model.bar import Bar
from rbtlive.model.slice_columns import SliceColumns

_MOST_BARS: Final = 2_000
_FEWEST_SLICES: Final = 2
_MOST_REVISIONS: Final = 3
"""Maximum revisions stored per bar; more are only counted."""


class ClosedSlices:
    """The latest closed slices.

    Attributes:
        revised: Bars that were repeated with other values.
    """

    def __init__(self) -> None:
        self.revised = 0
        self._slices: OrderedDict[int, dict[str, Bar] | SliceColumns] = OrderedDict()
        self._bars = 0
        self._times: Counter[tuple[int, str]] = Counter()

    def note(self, slot_us: int, bars: dict[str, Bar] | SliceColumns) -> None:
        """Remember a slice that is being sent."""
        self._slices[slot_us] = bars
        self._bars += len(bars)
        while self._bars > _MOST_BARS and len(self._slices) > _FEWEST_SLICES:
            oldest, gone = self._slices.popitem(last=False)
            self._bars -= len(gone)
            if self._times:
                for key in [key for key in self._times if key[0] <= oldest]:
                    del self._times[key]

    def known(self, slot_us: int, symbol: str) -> Bar | None:
        """Return the latest version of a bar in a remembered slice."""
        return self._bars_of(slot_us).get(symbol) if slot_us in self._slices else None

    def _bars_of(self, slot_us: int) -> dict[str, Bar]:
        bars = self._slices[slot_us]
        return bars.bars() if isinstance(bars, SliceColumns) else bars

    def is_forgotten(self, slot_us: int) -> bool:
        """Say whether a slice was sent before all remembered ones."""
        return bool(self._slices) and slot_us < next(iter(self._slices))

    def revise(self, slot_us: int, bar: Bar) -> int:
        """Record a bar that was repeated with other values; return its number of
        revisions.
        """
        self._slices[slot_us] = {**self._bars_of(slot_us), bar.symbol: bar}
        self.revised += 1
        self._times[slot_us, bar.symbol] += 1
        return self._times[slot_us, bar.symbol]

    @staticmethod
    def is_kept(times: int) -> bool:
        """Say whether the n-th revision of a bar is stored."""
        return times <= _MOST_REVISIONS
