"""What time it is at the venue: a time of its own, moved by hand or in step with real
time.

The rule: stamps only grow, and two things that happened never share one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rbtlive.data.calendars.calendar import datetime_of


class VenueClock:
    """The venue's clock.

    Args:
        now_us: The first reading, µs UTC.
        speed: How many times faster than real time it runs; None stands still until it
            is set.
        monotonic_s: Tells seconds of real time that never run backwards.
    """

    def __init__(
        self, now_us: int, *, speed: float | None, monotonic_s: Callable[[], float]
    ) -> None:
        self.speed = speed
        self._monotonic_s = monotonic_s
        self._base_us = now_us
        self._base_s = monotonic_s()
        self._last_us = now_us

    def now_us(self) -> int:
        """Return the time, µs UTC."""
        if self.speed is None:
            return self._last_us
        elapsed_us = int((self._monotonic_s() - self._base_s) * self.speed * 1e6)
        return max(self._last_us, self._base_us + elapsed_us)

    def now(self) -> datetime:
        """Return the time, UTC."""
        return datetime_of(self.now_us())

    def stamp_us(self) -> int:
        """Return a time for something that happens now: later than every earlier one,
        µs UTC.
        """
        self._last_us = max(self.now_us(), self._last_us + 1)
        return self._last_us

    def set(self, now_us: int) -> int:
        """Move to a moment, unless it is over already, and return the stamp of what
        happens there, µs UTC.
        """
        if now_us > self.now_us():
            self._base_us, self._base_s = now_us, self._monotonic_s()
        self._last_us = max(self._last_us + 1, now_us)
        return self._last_us

    def wait_s(self, until_us: int) -> float | None:
        """Return how many seconds of real time a moment is away; None if the clock
        stands still.
        """
        if self.speed is None:
            return None
        return max(0.0, (until_us - self.now_us()) / 1e6 / self.speed)
