"""Finds differences between our books and the broker's that come and go.

The rule: a difference that shows at every second look never counts as lasting, so its
appearances are counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import pairwise

from rbtlive.runtime.broker.reconciliation import Mismatch

RECENT_LOOKS, TOO_OFTEN = 12, 4
"""A difference that appears this often within this many looks is reported."""


class Flickers:
    """Finds differences that have recently appeared too often."""

    def __init__(self) -> None:
        self._looks: deque[set[str]] = deque([set()], maxlen=RECENT_LOOKS)

    def of(self, found: Iterable[Mismatch]) -> list[Mismatch]:
        """Add the differences of a look, and return those that have appeared too
        often.
        """
        by_name = {one.what: one for one in found}
        fresh = by_name.keys() - self._looks[-1]
        self._looks.append(set(by_name))
        return [by_name[what] for what in sorted(fresh) if self._times(what) >= TOO_OFTEN]

    def _times(self, what: str) -> int:
        return sum(what in now and what not in then for then, now in pairwise(self._looks))
