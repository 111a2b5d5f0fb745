"""Wall time. This is the only module that reads the clock; all others take time from
events or from a Clock.

The rule: `now` may jump, forwards and backwards; `monotonic_ns` never runs backwards.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Protocol

from rbtlive.model.bar import aware_utc

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_time_ns = time.time_ns  # bound at import: a strategy may replace time.time_ns
_MICROSECOND = timedelta(microseconds=1)


def _elapsed() -> Callable[[], int]:
    # This clock keeps counting while the machine sleeps: a laptop that was closed has
    # missed bars, and its decisions must look as old as they are.
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):  # Linux; on macOS the latter counts sleep
        number = getattr(time, name, None)
        if number is not None:
            return partial(time.clock_gettime_ns, number)
    return time.perf_counter_ns


class Clock(Protocol):
    """A source of time and of waiting."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""

    def now_us(self) -> int:
        """Return the time of day in microseconds since 1970, UTC."""

    def monotonic_ns(self) -> int:
        """Return nanoseconds since some moment; for measuring intervals."""

    async def sleep(self, delay_s: float) -> None:
        """Wait for `delay_s` seconds, at least one turn of the loop."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place that reads the wall clock

    def now_us(self) -> int:
        """Return the time of day in microseconds since 1970, UTC."""
        return _time_ns() // 1000

    monotonic_ns = staticmethod(_elapsed())

    async def sleep(self, delay_s: float) -> None:
        """Wait for `delay_s` seconds, at least one turn of the loop."""
        await asyncio.sleep(max(0.0, delay_s))


class VirtualClock:
    """A clock that stands still until it is moved.

    Sleepers wake in order of their due times; those due together wake in the order in
    which they fell asleep.

    Args:
        start: The first reading of `now`.
    """

    def __init__(self, start: datetime = _EPOCH) -> None:
        self._wall_us: int = (aware_utc(start) - _EPOCH) // _MICROSECOND
        self._elapsed_ns = 0
        self._order = count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        return _EPOCH + timedelta(microseconds=self.now_us())

    def now_us(self) -> int:
        """Return the time of day in microseconds since 1970, UTC."""
        return self._wall_us + self._elapsed_ns // 1000

    def monotonic_ns(self) -> int:
        """Return nanoseconds since the clock was made."""
        return self._elapsed_ns

    async def sleep(self, delay_s: float) -> None:
        """Wait until the clock has moved by `delay_s` seconds, at least one turn of the
        loop.
        """
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(
            self._sleepers, (self._elapsed_ns + round(delay_s * 1e9), next(self._order), woken)
        )
        await woken

    def advance(self, delay_s: float) -> None:
        """Let `delay_s` seconds pass and wake every sleeper that is due by then.

        Raises:
            ValueError: `delay_s` is negative; use `jump` to set the time of day back.
        """
        if not delay_s >= 0:
            raise ValueError(
                f"delay_s must not be negative: was {delay_s}; use jump() to set the time of day "
                "back"
            )
        self._advance_to(self._elapsed_ns + round(delay_s * 1e9))

    def _advance_to(self, elapsed_ns: int) -> None:
        self._elapsed_ns = elapsed_ns
        while self._sleepers and self._sleepers[0][0] <= self._elapsed_ns:
            _due, _order, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)

    def jump(self, delay_s: float) -> None:
        """Move the time of day forwards, or back with a negative `delay_s`; intervals
        and sleepers are not affected.
        """
        self._wall_us += round(delay_s * 1e6)

    def advance_to_next(self) -> bool:
        """Advance to the moment when the next sleeper is due; False if nobody
        sleeps.
        """
        while self._sleepers and self._sleepers[0][2].done():  # cancelled while asleep
            heapq.heappop(self._sleepers)
        if not self._sleepers:
            return False
        self._advance_to(self._sleepers[0][0])
        return True
