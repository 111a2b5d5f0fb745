"""The assets that a mask selects, day by day.

The rule: a selection is made once for all days in a row that have the same mask, and
for all inputs of a term.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Mask, Places


class Selection(NamedTuple):
    """The selected assets of some days in a row.

    Attributes:
        since: First day.
        until: The day after the last.
        mask: Whether each asset is selected.
        places: Their columns; None if all are selected.
        changed: Columns that differ from the selection of the day before `since`.
    """

    since: int
    until: int
    mask: Mask
    places: Places | None
    changed: Places


class Selections:
    """The selections of all days.

    Args:
        mask: Days x assets.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._begins: Any = None  # the days that begin a selection, and the number of days
        self._last: Selection | None = None

    def at(self, day: int) -> Selection:
        """Return the selection of a day: the same object for days that share it."""
        last = self._last
        if last is None or not last.since <= day < last.until:
            last = self._last = self._made(day)
        return last

    def _made(self, day: int) -> Selection:
        mask = self._mask
        if self._begins is None:
            self._begins = np.append(0, mask_changes(mask))
        number = int(np.searchsorted(self._begins, day, side="right"))
        since, until = self._begins[number - 1 : number + 1].tolist()
        chosen = mask[since]
        places = None if chosen.all() else chosen.nonzero()[0]
        changed = (chosen != mask[max(since - 1, 0)]).nonzero()[0]
        return Selection(since, until, chosen, places, changed)


def mask_changes(mask: Mask) -> Any:
    """Return the days whose mask differs from the day before, and the number of days.

    Args:
        mask: Days x assets.
    """
    differ = np.flatnonzero((mask[1:] != mask[:-1]).any(axis=1)) + 1
    return np.append(differ, len(mask))
