"""A table of minutes that holds some sessions at a time: those that a run is in, and
those that its windows reach back to.

The rule: rows that are not held are read again on request, so every answer equals that
of a table that holds everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from rbtlive.data.bars.bar_reads import Floats, last_known
from rbtlive.data.bars.bar_table import BarTable
from rbtlive.data.bars.minute_bars import MinuteBars, temporary_file
from rbtlive.data.calendars.calendar import TradingCalendar
from rbtlive.model.arrays import np
from rbtlive.model.bar import OHLCV
from rbtlive.model.interval import Interval

_KNOWN_BY: Final = ("close", "volume")
"""The fields whose last known row in each session is cached."""


class RollingTable(BarTable):
    """Minutes of all assets, with only a stretch of sessions in memory.

    A reach that was requested once is kept from then on: for a window of 5,000 rows,
    the table holds 7,500 rows before each session.

    Args:
        interval: Length of a row; intraday.
        calendar: Calendar of the rows.
        symbols: Name of each column.
        first_session: Session of the first row.
        last_session: Session of the last row.
        thousandths: Keep prices in the precision of zipline's files.
        minutes: The bars to read.
        keep: Removes bars outside their asset's listing dates.
    """

    def __init__(
        self,
        *,
        interval: Interval,
        calendar: TradingCalendar,
        symbols: tuple[str, ...],
        first_session: int,
        last_session: int,
        thousandths: bool,
        minutes: MinuteBars,
        keep: Callable[[pl.DataFrame], pl.DataFrame],
    ) -> None:
        super().__init__(
            interval=interval,
            calendar=calendar,
            symbols=symbols,
            first_session=first_session,
            last_session=last_session,
            frozen=True,
            thousandths=thousandths,
            rolls=True,
        )
        self._minutes = minutes
        self._keep = keep
        self._end = 0
        self._at = 0  # first row of the latest session
        self._look_back = 0  # number of rows kept before it
        sessions = last_session - first_session + 1
        self._last_rows = {
            field: np.full((sessions, self.width), -1, dtype=np.int32) for field in _KNOWN_BY
        }
        self._last_closes = {field: np.full((sessions, self.width), np.nan) for field in _KNOWN_BY}
        self._known = np.zeros(
            sessions, dtype=np.bool_
        )  # sessions whose last known rows are cached
        self._apart: tuple[int, dict[str, Floats]] | None = (
            None  # one session that was read separately
        )
        self._columns: ColumnFile | None = None

    # --- what is held -----------------------------------------------------------------

    @property
    def end(self) -> int:
        """Row after the last one held."""
        return self._end

    def reach(self, session: int, *, back_to: int) -> None:
        """Hold a session, the rows from `back_to` on, and the rows that windows reached
        back to before.
        """
        session = min(session, self.last_session)
        low, high = self.rows_of_session(session)
        begin = max(0, min(low - self._look_back, back_to))
        self._at = low
        if self.base <= begin and high <= self._end:
            return
        first = self.session_at(begin)
        last = self._minutes.end_of_part(session + (session - first) // 4)
        self._hold(first, min(max(session, last), self.last_session))

    def hold_from(self, row: int) -> None:
        """Hold all rows from this one on, and as many rows before each later
        session.
        """
        if row < self.base:
            self._look_back = max(self._look_back, (self._at - row) * 3 // 2)
            first = self.session_at(max(0, min(row, self._at - self._look_back)))
            self._hold(first, self.session_at(self._end - 1))

    def _hold(self, first: int, last: int) -> None:
        base, end = self.rows_of_session(first)[0], self.rows_of_session(last)[1]
        held_from, held_to = max(base, self.base), min(end, self._end)
        matrices = self._blank(end - base)
        if held_from < held_to:
            for field, matrix in matrices.items():
                matrix[held_from - base : held_to - base] = self._matrices[field][
                    held_from - self.base : held_to - self.base
                ]
            self._read(matrices, first, self.session_at(held_from) - 1, base=base)
            self._read(matrices, self.session_at(held_to - 1) + 1, last, base=base)
        else:
            self._read(matrices, first, last, base=base)
        for matrix in matrices.values():
            matrix.setflags(write=False)
        self._matrices, self.base, self._end = matrices, base, end
        self._series.clear()
        self.generation += 1

    # Fills the rows of sessions and caches each asset's last known row in them.
    def _read(self, matrices: Mapping[str, Floats], first: int, last: int, *, base: int) -> None:
        for bars in self._minutes.parts(first, last, in_order=False):
            self._put(self._keep(bars), matrices, base=base)
        for session in range(first, last + 1):
            place = session - self.first_session
            if not self._known[place]:
                low, high = self.rows_of_session(session)
                self._remember(place, low, matrices, slice(low - base, high - base))

    def _remember(self, place: int, low: int, matrices: Mapping[str, Floats], rows: slice) -> None:
        closes = matrices["close"][rows]
        for field in _KNOWN_BY:
            values = matrices[field][rows]
            known = values != 0 if field == "volume" else ~np.isnan(values)
            last = len(values) - 1 - np.argmax(known[::-1], axis=0)
            there = known.any(axis=0)
            self._last_rows[field][place] = np.where(there, low + last, -1)
            self._last_closes[field][place] = np.where(
                there, closes[last, np.arange(self.width)], np.nan
            )
        self._known[place] = True

    def _session_apart(self, session: int) -> dict[str, Floats]:
        if self._apart is None or self._apart[0] != session:
            self._apart = session, self._stretch(session, session)[1]
        return self._apart[1]

    # --- reads ------------------------------------------------------------------------

    def values(self, field: str, low: int, high: int) -> Floats:
        """Return a field over rows `low` to `high` - 1, rows x assets, read-only."""
        if low < self.base:
            self.hold_from(low)
        return self._matrices[field][low - self.base : high - self.base]

    def column(self, index: int, field: str, low: int, high: int) -> Floats:
        """Return a field of one asset over rows `low` to `high` - 1."""
        if low < self.base:
            self.hold_from(low)
        return self._matrices[field][low - self.base : high - self.base, index]

    def series(self, index: int, field: str, low: int, rows: int) -> pl.Series:
        """Return `rows` values of a field of one asset from row `low` on."""
        if low < self.base:
            self.hold_from(low)
        return self.held_series(index, field).slice(low - self.base, rows)

    def value(self, index: int, field: str, row: int) -> float:
        """Return a field of one asset at a row, which need not be held."""
        if self.base <= row < self._end:
            return float(self._matrices[field][row - self.base, index])
        session = self.session_at(row)
        if field == "close":
            place = session - self.first_session
            for known_by in _KNOWN_BY:
                if self._last_rows[known_by][place, index] == row:
                    return float(self._last_closes[known_by][place, index])
        return float(
            self._session_apart(session)[field][row - self.rows_of_session(session)[0], index]
        )

    def last_known(self, index: int, field: str, *, low: int, high: int) -> int:
        """Return the last row from `low` to `high` in which an asset has a price, or a
        volume other than 0; -1 if none has.
        """
        begin = max(low, self.base)
        if begin <= high:
            values = self._matrices[field][begin - self.base : high + 1 - self.base, index]
            found = last_known(values, field, begin)
            if found >= 0:
                return found
        return self._last_known_before(index, field, low=low, high=min(high, self.base - 1))

    # Uses the cached rows of whole sessions, from the latest back; only a session that
    # is partly in the range is examined itself.
    def _last_known_before(self, index: int, field: str, *, low: int, high: int) -> int:
        if high < low:
            return -1
        session = self.session_at(high)
        first, end = self.rows_of_session(session)
        if high < end - 1:
            begin = max(low, first)
            values = self._session_apart(session)[field][begin - first : high + 1 - first, index]
            found = last_known(values, field, begin)
            if found >= 0:
                return found
            session -= 1
        oldest = self.session_at(low)
        while session >= oldest:
            begin = max(oldest, session - self._minutes.step + 1)
            self._learn(begin, session)
            rows = self._last_rows[field][
                begin - self.first_session : session - self.first_session + 1, index
            ]
            found = int(rows.max())
            if found >= 0:
                return found if found >= low else -1
            session = begin - 1
        return -1

    def _learn(self, first: int, last: int) -> None:
        if not self._known[first - self.first_session : last - self.first_session + 1].all():
            self._stretch(first, last)

    # All rows of some sessions, separate from those held.
    def _stretch(self, first: int, last: int) -> tuple[int, dict[str, Floats]]:
        low, high = self.rows_of_session(first)[0], self.rows_of_session(last)[1]
        matrices = self._blank(high - low)
        self._read(matrices, first, last, base=low)
        return low, matrices

    # --- whole columns ----------------------------------------------------------------

    def whole_column(self, index: int, field: str) -> Floats:
        """Return a field of one asset over all rows, from a temporary file ordered by
        asset.
        """
        if self._columns is None:
            self._columns = ColumnFile(rows=self.rows, width=self.width)
            for first in range(self.first_session, self.last_session + 1, self._minutes.step):
                last = min(first + self._minutes.step - 1, self.last_session)
                self._columns.write(*self._stretch(first, last))
        return self._columns.read(index, field)


class ColumnFile:
    """Columns of all assets in a temporary file, 40 bytes per row and asset; it is
    deleted when it is no longer used.
    """

    def __init__(self, *, rows: int, width: int) -> None:
        self._rows = rows
        self._width = width
        self._file = temporary_file(self)

    def write(self, low: int, matrices: Mapping[str, Floats]) -> None:
        """Write the rows from `low` on."""
        for field, matrix in matrices.items():
            columns = np.ascontiguousarray(matrix.T)
            for index in range(self._width):
                self._file.seek(self._offset(index, field) + 8 * low)
                self._file.write(columns[index].data)

    def read(self, index: int, field: str) -> Floats:
        """Return all rows of a field of one asset."""
        self._file.seek(self._offset(index, field))
        return np.frombuffer(self._file.read(8 * self._rows), dtype=np.float64)

    def _offset(self, index: int, field: str) -> int:
        return 8 * self._rows * (OHLCV.index(field) * self._width + index)
