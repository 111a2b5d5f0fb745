"""Limit the rate of requests.

The rule: never more than the account's limit within any minute; urgent requests
(cancels) have a reserve of their own.
"""

from __future__ import annotations

import asyncio
from collections import deque

WINDOW_S = 60.0
RESERVE = 10
"""Requests per minute reserved for cancels."""


class Pace:
    """Counts the requests of the last minute, and delays the next one if necessary.

    Args:
        requests_per_minute: The account's limit; None never waits.
    """

    def __init__(self, requests_per_minute: int | None) -> None:
        self._limit = requests_per_minute
        self._sent_s: deque[float] = deque()
        self._closed_until_s = 0.0

    async def take(self, *, urgent: bool = False) -> None:
        """Wait until another request may be sent, and count it."""
        while (wait_s := self._wait_s(urgent=urgent)) > 0:  # noqa: ASYNC110 - only time frees a slot
            await asyncio.sleep(wait_s)
        self._sent_s.append(asyncio.get_running_loop().time())

    def _wait_s(self, *, urgent: bool) -> float:
        now_s = asyncio.get_running_loop().time()
        if self._closed_until_s > now_s:
            return self._closed_until_s - now_s
        if self._limit is None:
            return 0.0
        while self._sent_s and self._sent_s[0] <= now_s - WINDOW_S:
            self._sent_s.popleft()
        most = max(1, self._limit - 2 if urgent else self._limit - RESERVE)
        if len(self._sent_s) < most:
            return 0.0
        return self._sent_s[len(self._sent_s) - most] + WINDOW_S - now_s

    def refused(self, wait_s: float) -> None:
        """Send nothing for some seconds, because the broker reported too many
        requests.
        """
        now_s = asyncio.get_running_loop().time()
        self._closed_until_s = max(self._closed_until_s, now_s + wait_s)
