"""Windows of bars that are longer than a run's own, made of those.

The rule: a longer bar of a window is made of the shorter bars that have happened, as
they look now; nothing of it is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rbtlive.data.calendars.grid import BarGrid, period_keys
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.bar import field_named

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats
    from rbtlive.data.bars.bar_table import BarTable
    from rbtlive.data.calendars.calendar import TradingCalendar
    from rbtlive.model.interval import Interval

Places: TypeAlias = "NDArray[np.int64]"


def fold(values: Floats, starts: Places, field: str) -> Floats:
    """Return one value a longer bar.

    Args:
        values: Of the shorter bars, a row each; further axes stay.
        starts: First row of each longer bar, the first one 0.
        field: What the values are, folded as `field_named` says: a field of a bar,
            price, which is the close, or a further column. First and last are those
            that are known; NaN where none is.
    """
    how = field_named(field).fold
    if how == "sum":
        return np.add.reduceat(values, starts, axis=0)
    if how == "highest":
        return np.fmax.reduceat(values, starts, axis=0)
    if how == "lowest":
        return np.fmin.reduceat(values, starts, axis=0)
    rows = np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))
    missing = np.isnan(values)
    if how == "first":
        ends = np.append(starts[1:], len(values)).reshape(-1, *[1] * (values.ndim - 1)) - 1
        known = np.minimum.reduceat(np.where(missing, len(values), rows), starts, axis=0)
        chosen = np.minimum(known, ends)
    else:
        known = np.maximum.reduceat(np.where(missing, -1, rows), starts, axis=0)
        chosen = np.maximum(known, starts.reshape(known.shape[:1] + (1,) * (values.ndim - 1)))
    return np.take_along_axis(values, chosen, axis=0)


class BarsOfDay:
    """Longer bars within sessions: which rows of a table each is made of.

    Args:
        table: Intraday bars, which add up to the longer ones.
        interval: How long those are.
    """

    def __init__(self, table: BarTable, interval: Interval) -> None:
        self._table = table
        self._grid = BarGrid(table.calendar, interval)
        self._rows = 0
        self._last_end = -1
        self._parts: list[Places] = []
        self._starts: Places = np.empty(0, dtype=np.int64)

    def starts(self) -> Places:
        """Return the first row of each longer bar, of all rows that there are."""
        rows = self._table.rows
        if rows > self._rows:
            ends = self.ends(self._rows, rows)
            fresh = np.flatnonzero(np.diff(ends, prepend=self._last_end)) + self._rows
            self._starts = np.concatenate([self._starts, fresh])
            self._rows, self._last_end = rows, int(ends[-1])
        return self._starts

    def ends(self, low: int, high: int) -> NDArray[np.int64]:
        """Return the END of the longer bar that each of the rows is in, µs UTC."""
        table = self._table
        return self._grid.ends_of(table.row_us[low:high], table.row_sessions[low:high])

    def is_over(self, row: int) -> bool:
        """Say whether a row is the last of its longer bar."""
        return int(self.ends(row, row + 1)[0]) == int(self._table.row_us[row])


class BarsOfSessions:
    """Weeks or months: which sessions each is made of.

    Args:
        calendar: Whose sessions.
        interval: Weeks or months.
    """

    def __init__(self, calendar: TradingCalendar, interval: Interval) -> None:
        keys = period_keys(calendar.labels, interval)
        self._labels = calendar.labels
        self._firsts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))

    def place(self, session: int) -> int:
        """Return the number of the week or month that a session is in."""
        return int(self._firsts.searchsorted(session, side="right")) - 1

    def firsts(self, low: int, high: int) -> Places:
        """Return the first session of weeks or months `low` to `high` - 1."""
        return self._firsts[low:high]

    def is_over(self, session: int) -> bool:
        """Say whether a session is the last of its week or month."""
        later = self.place(session) + 1
        return later < len(self._firsts) and int(self._firsts[later]) == session + 1

    def labels(self, low: int, high: int) -> NDArray[np.datetime64]:
        """Return the label of the last session of weeks or months `low` to `high` -
        1.
        """
        lasts = np.append(self._firsts[1:], len(self._labels)) - 1
        chosen: NDArray[np.datetime64] = self._labels[lasts[low:high]]
        return chosen
