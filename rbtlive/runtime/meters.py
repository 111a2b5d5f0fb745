"""What an engine measures of itself, cheaply: rates, latencies, loop lag."""

from __future__ import annotations

from time import perf_counter, perf_counter_ns

_KEPT = 4096
_RATE_WINDOW_S = 2.0


class Meters:
    """Counters of one engine; reading them costs, writing them hardly does."""

    __slots__ = (
        "_at",
        "_latencies_ns",
        "_rate",
        "_rate_events",
        "_rate_since_s",
        "errors",
        "events",
        "loop_lag_ms",
    )

    def __init__(self) -> None:
        self.events = 0
        self.errors = 0
        self.loop_lag_ms = 0.0
        self._latencies_ns = [0] * _KEPT
        self._at = 0
        self._rate = 0.0
        self._rate_events = 0
        self._rate_since_s = perf_counter()

    def note(self, started_ns: int) -> None:
        """Count an event whose processing began at `started_ns` of the performance counter."""
        self._latencies_ns[self._at % _KEPT] = perf_counter_ns() - started_ns
        self._at += 1
        self.events += 1

    def events_per_s(self) -> float:
        """Return the rate since it was last asked for, over two seconds at least."""
        now_s = perf_counter()
        elapsed_s = now_s - self._rate_since_s
        if elapsed_s >= _RATE_WINDOW_S or (self._rate == 0.0 and elapsed_s > 0):
            self._rate = (self.events - self._rate_events) / elapsed_s
            self._rate_events, self._rate_since_s = self.events, now_s
        return self._rate

    def latency_us(self, quantile: float) -> float:
        """Return a quantile of the latest processing times, in microseconds."""
        known = sorted(self._latencies_ns[: min(self._at, _KEPT)])
        return known[min(int(quantile * len(known)), len(known) - 1)] / 1000 if known else 0.0
