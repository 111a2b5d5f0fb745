"""Bars on their way into a slice: one list of them, or some that skip slices.

The rule: plain facts; the builder decides what to do with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.model.bar import Bar
from rbtlive.model.interval import DAY_US

_PRESENT_STEPS: Final = 10
_PRESENT_DAYS_US: Final = 4 * DAY_US
"""How long ago a current bar may have ended: this many bars of a session, or this
long.
"""


@dataclass(slots=True)
class WholeSlice:
    """A list that is one whole slice; its first bar gives the slice."""

    slot_us: int | None = None


@dataclass(slots=True)
class Leap:
    """Bars of a recording that skip slices, until the next bar comes."""

    slot_us: int
    bars: list[Bar] = field(default_factory=list)
    whole: bool = False


def leaps(axis: SlotAxis, slot_us: int, *, base_us: int | None, now_us: int | None) -> bool:
    """Say whether a bar of a recording skips slices. For a current bar, the clock
    confirms it.

    Args:
        axis: The slices of the calendar.
        slot_us: END of the bar's slice.
        base_us: END of the slice before it; None at the beginning.
        now_us: Current time; None for sources of the past.
    """
    if now_us is None or base_us is None or slot_us <= base_us:
        return False
    if now_us - slot_us <= (axis.step_us * _PRESENT_STEPS or _PRESENT_DAYS_US):
        return False
    return not axis.is_next(slot_us, base_us)
