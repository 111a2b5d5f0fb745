"""How many requests a minute are answered.

The rule: a request beyond the limit is not processed, and learns when the next window
begins. Source: docs.alpaca.markets, rate limits: 200 a minute and account.
"""

from __future__ import annotations

import math
from collections.abc import Callable

WINDOW_S = 60.0


class RateLimit:
    """Counts requests in windows of a minute.

    Args:
        most: Requests a window; None is no limit.
        monotonic_s: Tells seconds that never run backwards.
    """

    def __init__(self, most: int | None, *, monotonic_s: Callable[[], float]) -> None:
        self.most = most
        self._monotonic_s = monotonic_s
        self._began_s = monotonic_s()
        self._count = 0

    def switch(self, most: int | None) -> None:
        """Set another limit, and begin a window."""
        self.most = most
        self._began_s, self._count = self._monotonic_s(), 0

    def refused_for_s(self) -> int | None:
        """Count a request; return the seconds until it may be sent again, None if it is
        answered.
        """
        if self.most is None:
            return None
        now_s = self._monotonic_s()
        if now_s - self._began_s >= WINDOW_S:
            self._began_s, self._count = now_s, 0
        self._count += 1
        if self._count <= self.most:
            return None
        return max(1, math.ceil(self._began_s + WINDOW_S - now_s))
