"""Notice a source whose bars appear to be stamped with their start instead of their
END.

The rule: it warns once and changes nothing. It looks for three signs: a bar at the
open's minute, with none before the open and none at a close; bars that arrive one
interval after their stamp, slice after slice; a daily bar that keeps changing.
"""

from __future__ import annotations

from typing import Final

from rbtlive.data.feeds.slot_axis import SlotAxis

ADVICE: Final = (
    'bars look stamped with their start; if they are, pass labels="start" to attach() or to the '
    "feed: as it is, each is taken for the interval that ends at its stamp"
)
_LATE_AT_MOST_US: Final = 15_000_000
_NEEDED: Final = 2
"""Consecutive slices that must arrive one interval late."""
_JUDGED: Final = 20
"""After this many current slices, nothing new can be expected."""
PRESENT_STEPS: Final = 10
"""Bars older than this many intervals tell nothing about a source's stamps."""
_CHANGES: Final = 2
"""Number of changes of a daily bar after its close that count as a sign."""
_BEFORE_OPEN_US: Final = 7_200_000_000
"""A bar this long before an open belongs to extended hours: then the open's minute is
nothing special.
"""


class LabelWatch:
    """Watches the stamps of one source.

    Args:
        axis: The slices of the calendar.

    Attributes:
        is_watching: Whether `placed` still has something to find out.
    """

    def __init__(self, axis: SlotAxis) -> None:
        self._axis = axis
        self._quiet = axis.labels == "start"
        self.is_watching = not self._quiet and axis.interval.intraday
        self._early_us = -_BEFORE_OPEN_US
        self._slot_us = self._came_us = 0
        self._in_a_row = self._judged = 0

    def outside(self, moment_us: int) -> str | None:
        """Record a stamp that is in no slice; return a warning or None."""
        if self._quiet or not self._axis.interval.intraday:
            return None
        if not self._axis.is_open_at(moment_us):
            self._early_us = moment_us
            return None
        if 0 < moment_us - self._early_us < _BEFORE_OPEN_US:
            return None
        return self._warn("the first bar of a session is stamped with its open")

    def placed(self, slot_us: int, now_us: int) -> str | None:
        """Record a bar of a finished slice, and its time of arrival."""
        if self._quiet or slot_us <= self._slot_us or not self._axis.interval.intraday:
            return None
        if self._axis.is_close_at(slot_us) and not self._axis.is_open_at(slot_us):
            self._quiet, self.is_watching = True, False  # only an END has this stamp
            return None
        step_us, late_us = self._axis.step_us, now_us - slot_us
        self._judged += late_us < PRESENT_STEPS * step_us
        self.is_watching = self._judged < _JUDGED
        fits = step_us <= late_us <= step_us + min(step_us // 2, _LATE_AT_MOST_US)
        follows = now_us - self._came_us >= step_us // 2
        self._in_a_row = self._in_a_row + 1 if fits and follows else 0
        self._slot_us, self._came_us = slot_us, now_us
        if self._in_a_row < _NEEDED:
            return None
        return self._warn(f"bars come {self._axis.frequency} after their stamp")

    def revised(self, times: int) -> str | None:
        """Record how often a daily bar has changed after its close."""
        if self._quiet or self._axis.interval.intraday or times < _CHANGES:
            return None
        return self._warn("a bar goes on changing after its close")

    def _warn(self, sign: str) -> str:
        self._quiet, self.is_watching = True, False
        return f"{sign}: {ADVICE}"
