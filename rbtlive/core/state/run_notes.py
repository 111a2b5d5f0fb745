"""Facts that a run notes for the hints of its result and that no order or row shows.

The rule: a note changes no number of the run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

_SURE = 1.0 - 1e-6
_CLEAR = 1e-9


@dataclass(slots=True)
class RunNotes:
    """Facts that the books do not show.

    Attributes:
        rounded_away: By symbol, how many orders were dropped because they came to less
            than one lot.
        moved_prices: By symbol, the limit or stop that rounding to the tick moved most:
            the price asked for and the price placed.
        waited_for: The window that made the run begin later than its data, in words;
            empty if none did.
    """

    rounded_away: dict[str, int] = field(default_factory=dict)
    moved_prices: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    waited_for: str = ""

    def note_rounded(self, symbol: str) -> None:
        """Note that an order came to less than one lot."""
        self.rounded_away[symbol] = self.rounded_away.get(symbol, 0) + 1

    def note_moved(self, symbol: str, asked: Decimal, placed: Decimal) -> float:
        """Note the price asked for, and the price on the tick that was placed; return
        which part of its price the one that moved most moved for certain, as floats
        compute it.
        """
        known = self.moved_prices.get(symbol)
        if asked and (known is None or _moved(asked, placed) > _moved(*known)):
            known = self.moved_prices[symbol] = (asked, placed)
        part = 0.0 if known is None else float(_moved(*known))
        return part * _SURE if part > _CLEAR else 0.0

    def copy(self) -> RunNotes:
        """Return a snapshot that later events do not change."""
        return RunNotes(dict(self.rounded_away), dict(self.moved_prices), self.waited_for)


def _moved(asked: Decimal, placed: Decimal) -> Decimal:
    return abs(placed - asked) / asked
