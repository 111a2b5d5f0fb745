"""Differences between the run's books and the broker's that persist over several looks.

The rule: a difference counts after two looks in a row; one that changes may lie between
a fill and its message, and needs one look more.
"""

from __future__ import annotations

from collections.abc import Iterable

from rbtlive.runtime.broker.flickers import Flickers
from rbtlive.runtime.broker.reconciliation import Mismatch

LOOKS_IF_SAME = 2
"""A difference that stays the same counts after this many looks in a row."""
LOOKS_IF_CHANGING = 3
"""A changing difference counts after this many."""


class LastingDifferences:
    """Counts differences from look to look.

    Attributes:
        latest: The differences of the last look.
    """

    def __init__(self) -> None:
        self.latest: tuple[Mismatch, ...] = ()
        self._seen: dict[str, tuple[int, Mismatch]] = {}
        self._changing: set[str] = set()
        self._flickers = Flickers()

    def __contains__(self, one: Mismatch) -> bool:
        return one.what in self._seen

    def take(self, found: list[Mismatch]) -> list[Mismatch]:
        """Count the differences of a look, and return those that come and go."""
        seen: dict[str, tuple[int, Mismatch]] = {}
        changing: set[str] = set()
        for one in found:
            looks, before = self._seen.get(one.what, (0, one))
            if before != one or (one.what in self._changing and looks):
                changing.add(one.what)
            seen[one.what] = (looks + 1, one)
        self._seen, self._changing = seen, changing
        self.latest = tuple(found)
        return self._flickers.of(found)

    def lasting(self) -> list[Mismatch]:
        """Return the differences that persisted over several looks, growing ones
        included.
        """
        return [
            one
            for what, (looks, one) in self._seen.items()
            if looks >= (LOOKS_IF_CHANGING if what in self._changing else LOOKS_IF_SAME)
        ]

    def drop(self, settled: Iterable[Mismatch]) -> None:
        """Forget differences that are settled."""
        for one in settled:
            self._seen.pop(one.what, None)
        self.latest = tuple(one for one in self.latest if one in self)
