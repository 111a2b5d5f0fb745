"""Which differences between the books and the broker's come and go.

The rule: a difference that is there at every second look never lasts, so its coming is
counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import pairwise

from rbtlive.runtime.broker.reconciliation import Mismatch

RECENT_LOOKS, TOO_OFTEN = 12, 4
"""A difference that comes so often within so many looks is said."""


class Flickers:
    """Finds the differences that have come too often of late."""

    def __init__(self) -> None:
        self._looks: deque[set[str]] = deque([set()], maxlen=RECENT_LOOKS)

    def of(self, found: Iterable[Mismatch]) -> list[Mismatch]:
        """Take what a look has found, and return what of it has come too often."""
        by_name = {one.what: one for one in found}
        fresh = by_name.keys() - self._looks[-1]
        self._looks.append(set(by_name))
        return [by_name[what] for what in sorted(fresh) if self._times(what) >= TOO_OFTEN]

    def _times(self, what: str) -> int:
        return sum(what in now and what not in then for then, now in pairwise(self._looks))
