"""The venue's own time, set by hand or running in step with real time.

The rule: stamps only increase, and two events never share one.
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
        monotonic_s: Returns seconds of real time that never run backwards.
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
        """Return a time for a new event: later than every earlier one, µs UTC."""
        self._last_us = max(self.now_us(), self._last_us + 1)
        return self._last_us

    def set(self, now_us: int) -> int:
        """Move to a moment, unless it has passed, and return the stamp of its event, µs
        UTC.
        """
        if now_us > self.now_us():
            self._base_us, self._base_s = now_us, self._monotonic_s()
        self._last_us = max(self._last_us + 1, now_us)
        return self._last_us

    def wait_s(self, until_us: int) -> float | None:
        """Return the seconds of real time until a moment; None if the clock stands
        still.
        """
        if self.speed is None:
            return None
        return max(0.0, (until_us - self.now_us()) / 1e6 / self.speed)
