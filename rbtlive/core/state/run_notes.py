"""What a run notes by the way, for the hints of its result: facts that no order and no
row shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import SupportsFloat

from rbtlive.model.number import to_decimal

_SURE = 1.0 - 1e-6
_CLEAR = 1e-9


@dataclass(slots=True)
class RunNotes:
    """Facts beside the books.

    Attributes:
        rounded_away: By symbol, how many orders came to less than one lot, and were
            none.
        moved_prices: By symbol, the limit or stop that the tick moved most, as it was
            asked for and as it was placed.
        waited_for: The window that made the run begin later than its data, in words;
            empty if none did.
    """

    rounded_away: dict[str, int] = field(default_factory=dict)
    moved_prices: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    waited_for: str = ""

    def note_rounded(self, symbol: str) -> None:
        """Note that an order came to less than one lot."""
        self.rounded_away[symbol] = self.rounded_away.get(symbol, 0) + 1

    def note_moved(self, symbol: str, asked: SupportsFloat, placed: Decimal) -> None:
        """Note the price that was asked for, and the one on a tick that was placed."""
        known = self.moved_prices.get(symbol)
        if known is not None:
            # Most move less than the one that moved most, and floats are sure of it.
            price, asked_then = float(asked), float(known[0])
            most = abs(float(known[1]) - asked_then)
            if (
                most > asked_then * _CLEAR
                and abs(float(placed) - price) * asked_then < most * price * _SURE
            ):
                return
        self.note_price(symbol, to_decimal(asked), placed)

    def note_price(self, symbol: str, asked: Decimal, placed: Decimal) -> None:
        """Do the same, exactly."""
        known = self.moved_prices.get(symbol)
        if asked and (known is None or _moved(asked, placed) > _moved(*known)):
            self.moved_prices[symbol] = (asked, placed)

    def copy(self) -> RunNotes:
        """Return a snapshot that later events leave alone."""
        return RunNotes(dict(self.rounded_away), dict(self.moved_prices), self.waited_for)


def _moved(asked: Decimal, placed: Decimal) -> Decimal:
    return abs(placed - asked) / asked
