"""Bars on their way into a slice: one list of them, or some that leapt over slices.

The rule: plain facts; what follows from them is the builder's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.model.bar import Bar
from rbtlive.model.interval import DAY_US

_PRESENT_STEPS: Final = 10
_PRESENT_DAYS_US: Final = 4 * DAY_US
"""How long ago a bar of the present may have ended: as many bars of a session, or so
long."""


@dataclass(slots=True)
class WholeSlice:
    """A list that is one whole slice; its first bar says of which."""

    slot_us: int | None = None


@dataclass(slots=True)
class Leap:
    """Bars that leapt over slices of a recording, until the next one comes."""

    slot_us: int
    bars: list[Bar] = field(default_factory=list)
    whole: bool = False


def leaps(axis: SlotAxis, slot_us: int, *, base_us: int | None, now_us: int | None) -> bool:
    """Say whether a bar of a recording skips slices. In the present the clock bears it
    out.

    Args:
        axis: Which slices there are.
        slot_us: END of its slice.
        base_us: END of the slice that it follows; None at the beginning.
        now_us: What time it is; None for sources of the past.
    """
    if now_us is None or base_us is None or slot_us <= base_us:
        return False
    if now_us - slot_us <= (axis.step_us * _PRESENT_STEPS or _PRESENT_DAYS_US):
        return False
    return not axis.is_next(slot_us, base_us)
