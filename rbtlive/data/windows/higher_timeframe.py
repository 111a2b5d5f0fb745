"""Windows of bars longer than the run's own, built from the run's bars.

The rule: a longer bar in a window is built from the shorter bars so far, as they look
now; nothing of it is kept.
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
    """Return one value per longer bar.

    Args:
        values: Values of the shorter bars, one row each; further axes are kept.
        starts: First row of each longer bar, the first one 0.
        field: The field of the values, which decides how they are folded (see
            `field_named`): a field of a bar, price, which is the close, or a further
            column. First and last are known values; NaN if none is known.
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
    """Longer bars within sessions, by the rows of a table that each consists of.

    Args:
        table: Intraday bars, which add up to the longer ones.
        interval: Length of the longer bars.
    """

    def __init__(self, table: BarTable, interval: Interval) -> None:
        self._table = table
        self._grid = BarGrid(table.calendar, interval)
        self._rows = 0
        self._last_end = -1
        self._parts: list[Places] = []
        self._starts: Places = np.empty(0, dtype=np.int64)

    def starts(self) -> Places:
        """Return the first row of each longer bar, for all rows of the table."""
        rows = self._table.rows
        if rows > self._rows:
            ends = self.ends(self._rows, rows)
            fresh = np.flatnonzero(np.diff(ends, prepend=self._last_end)) + self._rows
            self._starts = np.concatenate([self._starts, fresh])
            self._rows, self._last_end = rows, int(ends[-1])
        return self._starts

    def ends(self, low: int, high: int) -> NDArray[np.int64]:
        """Return the END of the longer bar that contains each of the rows, µs UTC."""
        table = self._table
        return self._grid.ends_of(table.row_us[low:high], table.row_sessions[low:high])

    def is_over(self, row: int) -> bool:
        """Say whether a row is the last of its longer bar."""
        return int(self.ends(row, row + 1)[0]) == int(self._table.row_us[row])


class BarsOfSessions:
    """Weeks or months, by the sessions that each consists of.

    Args:
        calendar: Calendar of the sessions.
        interval: Weeks or months.
    """

    def __init__(self, calendar: TradingCalendar, interval: Interval) -> None:
        keys = period_keys(calendar.labels, interval)
        self._labels = calendar.labels
        self._firsts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))

    def place(self, session: int) -> int:
        """Return the number of the week or month that contains a session."""
        return int(self._firsts.searchsorted(session, side="right")) - 1

    def firsts(self, low: int, high: int) -> Places:
        """Return the first session of each of weeks or months `low` to `high` - 1."""
        return self._firsts[low:high]

    def is_over(self, session: int) -> bool:
        """Say whether a session is the last of its week or month."""
        later = self.place(session) + 1
        return later < len(self._firsts) and int(self._firsts[later]) == session + 1

    def labels(self, low: int, high: int) -> NDArray[np.datetime64]:
        """Return the label of the last session of each of weeks or months `low` to
        `high` - 1.
        """
        lasts = np.append(self._firsts[1:], len(self._labels)) - 1
        chosen: NDArray[np.datetime64] = self._labels[lasts[low:high]]
        return chosen
