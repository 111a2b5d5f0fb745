"""The bars of Alpaca's that a feed has given, and the daily bars it waits for.

The rule: a bar is given once, whether it comes by stream or from the archive; a daily
bar is given some time after its session's close.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final

from rbtlive.brokers.alpaca_bars import BarFacts
from rbtlive.data.calendars.calendar import us_of
from rbtlive.data.feeds.slot_axis import SlotAxis

_TRY_AGAIN_S: Final = 30.0
_MOST_TRIES: Final = 20


class GivenBars:
    """The bars one feed has given, by symbol.

    Args:
        settled: Returns the moment up to which sessions are settled.
        counts: Counts of bars left out.

    Attributes:
        reach_us: END of the latest bar given, µs UTC; None until the run's start is
            known.
        start_us: END of the last slice before the run, µs UTC; None before it is known.
        waits: Number of vain queries for a daily bar, by symbol and session.
    """

    def __init__(self, settled: Callable[[], datetime], counts: Counter[str]) -> None:
        self.reach_us: int | None = None
        self.start_us: int | None = None
        self.waits: dict[tuple[str, date], int] = {}
        self._settled = settled
        self._counts = counts
        self._latest: dict[str, int] = {}  # END of each symbol's last bar

    def begin(self, after: datetime | None) -> None:
        """Begin a run after a moment, or at the slice that `begin_at` names."""
        self.start_us = self.reach_us = None if after is None else us_of(after)
        self._latest = {}

    def begin_at(self, over_us: int) -> None:
        """Begin after a finished slice."""
        self.start_us = self.reach_us = over_us

    def join(self, symbol: str, begin_us: int) -> None:
        """Add a symbol whose bars up to here are not wanted."""
        self._latest.setdefault(symbol, begin_us)

    def least_of(self, symbols: Sequence[str]) -> int:
        """Return the END up to which bars of all of some symbols were given."""
        assert self.reach_us is not None
        return min(self._latest.get(symbol, self.reach_us) for symbol in symbols)

    def takes(self, bar: BarFacts, axis: SlotAxis) -> bool:
        """Say whether a bar is to be given, and note that it is.

        Each bar once, and only if the calendar has a slice for it: Alpaca also reports
        the hours before and after.
        """
        stamp, symbol = bar["timestamp"], str(bar["symbol"])
        slot_us = axis.slot_of(stamp)
        if slot_us is None:
            self._counts["outside_hours"] += 1
            return False
        if not isinstance(stamp, datetime) and not self.is_settled(stamp, axis):
            self.waits.setdefault((symbol, stamp), 0)
            return False
        self.waits.pop((symbol, stamp), None)
        last = self._latest.get(symbol)
        if (last is not None and slot_us <= last) or (
            self.start_us is not None and slot_us <= self.start_us
        ):
            self._counts["told_twice"] += 1
            return False
        self._latest[symbol] = slot_us
        self.reach_us = max(self.reach_us or 0, slot_us)
        return True

    def is_settled(self, label: date, axis: SlotAxis) -> bool:
        """Say whether the daily bar of a session is final."""
        close_us = axis.slot_of(label)
        return close_us is None or us_of(self._settled()) >= close_us

    def due_s(self, axis: SlotAxis) -> float | None:
        """Return the seconds until a waiting session is over and settled, or its bar is
        to be queried again; None if none waits.
        """
        settled_us = us_of(self._settled())
        waits = [
            _TRY_AGAIN_S if tries else max(0.0, ((axis.slot_of(label) or 0) - settled_us) / 1e6)
            for (_symbol, label), tries in self.waits.items()
        ]
        return min(waits) if waits else None

    def wait_longer(self) -> None:
        """Query again for the missing daily bars, but not forever: the archive may be
        late with them.
        """
        self.waits = {wait: tries + 1 for wait, tries in self.waits.items() if tries < _MOST_TRIES}
