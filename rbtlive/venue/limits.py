"""The limit of requests per minute.

The rule: a request beyond the limit is not processed, and is told when the next window
begins; trading and market data are counted separately. Source: docs.alpaca.markets,
rate limits: 200 a minute and account.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

WINDOW_S = 60.0
ALPACAS: Final = 200
"""Alpaca's limit of requests per minute."""
_DATA = ("/v2/stocks", "/v1beta3/crypto", "/v1beta1", "/v1/")


class RateLimit:
    """Counts requests in windows of a minute.

    Args:
        most: Requests per window; None is no limit.
        monotonic_s: Returns seconds that never run backwards.
        venue_s: Returns the venue's own time in seconds; a minute of it ends a window
            too. By default it is not used.
        speed: How many times faster the venue's time runs.
    """

    def __init__(
        self,
        most: int | None,
        *,
        monotonic_s: Callable[[], float],
        venue_s: Callable[[], float] = lambda: 0.0,
        speed: float | None = None,
    ) -> None:
        self._speed = speed
        self._monotonic_s, self._venue_s = monotonic_s, venue_s
        self.switch(most)

    def switch(self, most: int | None) -> None:
        """Set another limit, and start a new window."""
        self.most = most
        self._began_s = self._monotonic_s(), self._venue_s()
        self._count = 0

    def refused_for_s(self) -> int | None:
        """Count a request; return the seconds until it may be sent again, None if it
        may be answered.
        """
        if self.most is None:
            return None
        if self._left_s() <= 0:
            self.switch(self.most)
        self._count += 1
        if self._count <= self.most:
            return None
        return max(1, math.ceil(self._left_s()))

    def headers(self) -> dict[str, str]:
        """Return an answer's headers about the limit."""
        if self.most is None:
            return {}
        left = max(0, self.most - self._count)
        return {"X-RateLimit-Limit": str(self.most), "X-RateLimit-Remaining": str(left)}

    def _left_s(self) -> float:
        # Seconds of real time until the window is over.
        real, venue = self._began_s
        left_s = real + WINDOW_S - self._monotonic_s()
        left_there_s = venue + WINDOW_S - self._venue_s()
        if left_there_s <= 0:
            return 0.0
        return left_s if self._speed is None else min(left_s, left_there_s / self._speed)


class RequestLimits:
    """The limits of a venue: one for trading, one for market data.

    Args:
        new: Creates a limit.
    """

    def __init__(self, new: Callable[[], RateLimit]) -> None:
        self._trading, self._data = new(), new()

    def of(self, path: str) -> RateLimit:
        """Return the limit for a path."""
        return self._data if path.startswith(_DATA) else self._trading

    def switch(self, most: int | None) -> None:
        """Set another limit, and start new windows."""
        self._trading.switch(most)
        self._data.switch(most)
