"""An engine's measurements of itself: rates, latencies, loop lag.

The rule: updating them is cheap; reading them may be expensive.
"""

from __future__ import annotations

from collections import deque
from time import perf_counter

_KEPT = 4096
_RATE_WINDOW_S = 2.0


class Meters:
    """Counters of one engine; reading them is expensive, updating them is cheap.

    Attributes:
        events: Events processed.
        latencies_ns: Processing times of the latest events, oldest first.
    """

    __slots__ = (
        "_rate",
        "_rate_events",
        "_rate_since_s",
        "errors",
        "events",
        "latencies_ns",
        "loop_lag_max_ms",
        "loop_lag_ms",
    )

    def __init__(self) -> None:
        self.events = 0
        self.errors = 0
        self.loop_lag_ms = 0.0
        self.loop_lag_max_ms = 0.0
        self.latencies_ns: deque[int] = deque(maxlen=_KEPT)
        self._rate = 0.0
        self._rate_events = 0
        self._rate_since_s = perf_counter()

    def note_lag(self, lag_s: float) -> None:
        """Record how long the loop was blocked."""
        self.loop_lag_ms = lag_s * 1000
        self.loop_lag_max_ms = max(self.loop_lag_max_ms, self.loop_lag_ms)

    def events_per_s(self) -> float:
        """Return the rate since the last call, over at least two seconds."""
        now_s = perf_counter()
        elapsed_s = now_s - self._rate_since_s
        if elapsed_s >= _RATE_WINDOW_S or (self._rate == 0.0 and elapsed_s > 0):
            self._rate = (self.events - self._rate_events) / elapsed_s
            self._rate_events, self._rate_since_s = self.events, now_s
        return self._rate

    def latency_us(self, quantile: float) -> float:
        """Return a quantile of the latest processing times, in microseconds."""
        known = sorted(self.latencies_ns)
        return known[min(int(quantile * len(known)), len(known) - 1)] / 1000 if known else 0.0
