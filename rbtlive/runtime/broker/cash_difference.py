"""A change of an account's cash that no order and no activity explains.

The rule: a change counts when two looks in a row show the same one. Cash that moves at
every look never shows the same change twice; then the part counts by which all of many
looks in a row differed in one direction.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from statistics import median
from typing import Final

from rbtlive.model.number import ZERO

CENT: Final = Decimal("0.01")
LOOKS_IF_MOVING: Final = 20
"""Moving cash counts after this many looks in a row that differ in one direction."""
MOST_NOISE: Final = 4
"""The smallest of these differences counts unless the others spread by more than this
many times as much: it may then be noise around the true amount.
"""


class CashDifference:
    """Compares the cash that is not the run's with what it was.

    Attributes:
        base: That cash when it was last explained; None until it is known.
        moves: Whether the last change that counted is the certain part of moving cash.
        agrees: Whether the last look showed no change.
    """

    def __init__(self) -> None:
        self.base: Decimal | None = None
        self.moves = self.agrees = False
        self._last: Decimal | None = None
        self._seen: deque[Decimal] = deque(maxlen=LOOKS_IF_MOVING)

    def begin(self, elsewhere: Decimal, *, agreed: bool) -> None:
        """Take the first amount that later looks are compared with: one that two
        answers agree on, or the middle one of many that do not.
        """
        self._seen.append(elsewhere)
        if agreed or len(self._seen) == LOOKS_IF_MOVING:
            self.base = elsewhere if agreed else median(self._seen)
            self._seen.clear()

    def shift(self, amount: Decimal) -> None:
        """Note that an explained amount has come."""
        if self.base is not None:
            self.base += amount

    def is_near(self, elsewhere: Decimal) -> bool:
        """Say whether the cash is what it was when it was last explained."""
        return self.base is not None and abs(elsewhere - self.base) <= CENT

    def interrupt(self) -> None:
        """Note a look that cannot be compared: the next one does not confirm the
        last.
        """
        self._last = None

    def change(self, elsewhere: Decimal) -> Decimal:
        """Return the change that counts at this look, zero if none does, and take it as
        explained from now on.
        """
        assert self.base is not None
        gap = elsewhere - self.base
        last, self._last = self._last, gap
        self.agrees = abs(gap) <= CENT
        if self.agrees:
            self._seen.clear()
            return ZERO
        self._seen.append(gap)
        self.moves = gap != last
        counted = self._certain() if self.moves else gap
        if not counted:
            return ZERO
        self.base += counted
        self._last = None
        self._seen.clear()
        return counted

    def _certain(self) -> Decimal:
        low, high = min(self._seen), max(self._seen)
        if len(self._seen) < LOOKS_IF_MOVING or low <= 0 <= high:
            return ZERO
        least = min(low, high, key=abs)
        return least if high - low <= MOST_NOISE * abs(least) else ZERO
