"""Bars of all assets on one axis of time, as plain float arrays.

The rule: a row is a slice of time (a session, or a bar within one) and exists even if
nothing traded in it; a missing price is NaN and a missing volume is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING, Any, Final, SupportsFloat, TypeAlias

import polars as pl

from rbtlive.data.bars.bar_reads import BarReads, Floats
from rbtlive.data.bars.moving_rows import MovingRows, longer
from rbtlive.data.calendars.calendar import TradingCalendar, datetime_of
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.bar import BAR_FIELDS, OHLCV
from rbtlive.model.interval import MINUTE, Interval

if TYPE_CHECKING:
    from rbtlive.data.bars.column_cache import ColumnCache
    from rbtlive.data.columns.laid_out import LaidOut

Places: TypeAlias = "NDArray[np.intp]"
Real = SupportsFloat | float
"""A value stored as a float, for instance a decimal."""

EMPTY: Final = {name: nan if field.is_price else 0.0 for name, field in BAR_FIELDS.items()}
"""A row's values for an asset that has not traded."""
_UINT32_MAX: Final = 4_294_967_295
_CELLS_AT_ONCE: Final = 1 << 14
"""This many cells of each field are prepared for bars at once."""


def in_thousandths(values: Floats, field: str) -> Floats:
    """Return values in the precision of zipline's files: prices in whole thousandths
    below 4.29 million, volumes in whole shares.

    A price of 0 reads as missing there, and so does a price that is too large.

    Source: zipline-reloaded 3.2.1, `data/bcolz_daily_bars.py`.
    """
    if not BAR_FIELDS[field].is_price:
        kept = np.where(values <= _UINT32_MAX, np.trunc(values), 0.0)
        return np.nan_to_num(kept)
    scaled = np.rint(values * 1000.0)
    scaled[~((scaled > 0.0) & (scaled <= _UINT32_MAX))] = np.nan
    return np.asarray(scaled * 0.001)


class BarTable(BarReads):
    """OHLCV of all assets, rows x assets; it may grow at its end.

    Args:
        interval: Length of a row; a week or month is a session of its own calendar.
        calendar: Calendar of the rows.
        symbols: Name of each column.
        first_session: Session of the first row.
        last_session: Session of the last row; below `first_session` for a table that
            starts empty.
        frozen: Rows are never added or changed, so whole columns are converted once and
            kept.
        thousandths: Keep prices in the precision of zipline's files.
        rolls: Hold no rows yet.

    Attributes:
        rows: Number of rows.
        width: Number of assets.
        base: First row held; 0 unless the table rolls.
        cells: Writable form of `flat`, by field.
        complete: Whether every asset has a close in each row of a frozen table; None
            until it was checked.
        has_close: Whether an asset, by index, has a close in each row of a frozen
            table; for the assets checked so far.
        computed: Columns computed from the bars of a table that several runs read; None
            if only one run reads it.
        laid_out: Row after the last that has its time on the axis; rows from `rows` on
            wait for their bars.
        blanked: Row after the last that may take a bar: its earlier content is erased.
        thousandths: Whether prices are kept in the precision of zipline's files.
        further: Further columns of its bars, by name, as they were requested.
        generation: Increases when the arrays move, which makes views of them invalid.
    """

    def __init__(
        self,
        *,
        interval: Interval,
        calendar: TradingCalendar,
        symbols: tuple[str, ...],
        first_session: int,
        last_session: int,
        frozen: bool,
        thousandths: bool = False,
        rolls: bool = False,
    ) -> None:
        self.interval = interval
        self.calendar = calendar
        self._grid = BarGrid(calendar, interval)
        self.symbols = symbols
        self.width = len(symbols)
        self.first_session = first_session
        self.frozen = frozen
        self.thousandths = thousandths
        self._starts: list[int] = [
            0
        ]  # first row of each session, and one past the last row of the last
        us, sessions = self._axis(first_session, last_session)
        self.rows = len(us)
        self._us = us
        self._sessions = sessions
        self.base = 0
        self._bare = frozen and not rolls  # no rows are prepared before bars come
        self._matrices = self._blank(0 if frozen else self.rows)
        self._series: dict[tuple[int, str], pl.Series] = {}
        self._dates: pl.Series | None = None
        self.complete: bytes | None = None
        self.has_close: dict[int, bytes] = {}
        self.computed: ColumnCache | None = None
        self.further: dict[str, LaidOut] = {}
        self.generation = 0
        self.laid_out = self.blanked = self._starts[-1]
        self._moving: MovingRows | None = None
        self._note_cells()
        self._ends_of, self._ends = (
            -1,
            np.empty(0, dtype=np.int64),
        )  # of the session appended to last

    # The rows of consecutive sessions; records where each session begins.
    def _axis(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        if last < first:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
        sessions = np.arange(first, last + 1, dtype=np.int32)
        if not self.interval.intraday:
            base = self._starts[-1]
            self._starts.extend(range(base + 1, base + len(sessions) + 1))
            return self.calendar.closes_us[first : last + 1].astype(np.int64), sessions
        ends = [self._grid.ends_us(session) for session in sessions.tolist()]
        counts = np.array([len(part) for part in ends])
        self._starts.extend((self._starts[-1] + np.cumsum(counts)).tolist())
        return np.concatenate(ends), np.repeat(sessions, counts)

    def ends_through(self, last: int) -> NDArray[np.int64]:
        """Return the END of each row, µs UTC, up to the rows of a session that may
        still be in the future.
        """
        sessions = range(self.first_session, last + 1)
        ends = [np.empty(0, dtype=np.int64), *(self._grid.ends_us(one) for one in sessions)]
        return np.concatenate(ends)

    def _blank(self, rows: int) -> dict[str, Floats]:
        return {
            field: np.full((rows, self.width), EMPTY[field], dtype=np.float64) for field in OHLCV
        }

    def fill(self, bars: pl.DataFrame) -> None:
        """Write bars into their rows; bars outside the axis are left out.

        Args:
            bars: `session` and `asset` (Int32), `us` (Int64) in an intraday table, and
                open, high, low, close, volume (Float64).
        """
        sessions = bars["session"].to_numpy()
        inside = (sessions >= self.first_session) & (sessions <= self.last_session)
        if not inside.all():
            bars = bars.filter(pl.Series(inside))
        if self._bare and self._are_all_rows(bars):
            columns = {field: self._kept(bars, field) for field in OHLCV}
            self._matrices = {
                field: values.reshape(self.rows, -1) for field, values in columns.items()
            }
            self._bare = False
            self._note_cells()
        else:
            self._lay_out()
            self._put(bars, self._matrices, base=0)

    # Whether these are a bar of each asset in each row, in order: then the columns are
    # used as the rows, without a copy.
    def _are_all_rows(self, bars: pl.DataFrame) -> bool:
        if not 0 < len(bars) == self.rows * self.width:
            return False
        times, axis = ("us", self._us) if self.interval.intraday else ("session", self._sessions)
        rows = bars[times].to_numpy().reshape(self.rows, self.width) == axis[:, None]
        assets = bars["asset"].to_numpy().reshape(self.rows, self.width) == np.arange(self.width)
        return bool(rows.all() and assets.all())

    def _kept(self, bars: pl.DataFrame, field: str) -> Floats:
        values = bars[field].cast(pl.Float64).to_numpy()
        return in_thousandths(values, field) if self.thousandths else values

    def _lay_out(self) -> None:
        if self._bare:
            self._matrices = self._blank(self.rows)
            self._bare = False
            self._note_cells()

    def _put(self, bars: pl.DataFrame, matrices: Mapping[str, Floats], *, base: int) -> None:
        if self.interval.intraday:
            row = np.searchsorted(self._us[: self.rows], bars["us"].to_numpy())
        else:
            row = bars["session"].to_numpy().astype(np.int64) - self.first_session
        cell = (row - base) * self.width + bars["asset"].to_numpy()
        for field in OHLCV:
            matrices[field].reshape(-1)[cell] = self._kept(bars, field)

    def seal(self) -> None:
        """Make the rows of a frozen table unchangeable."""
        self._lay_out()
        if self.frozen:
            for matrix in self._matrices.values():
                matrix.setflags(write=False)

    def reach(self, session: int, *, back_to: int) -> None:
        """Hold the rows of a session from now on, and those before it from `back_to`
        on.
        """

    def hold_from(self, row: int) -> None:
        """Hold all rows from this one to the last one held."""

    def append(
        self, session: int, us: int, bars: Mapping[int, tuple[Real, Real, Real, Real, Real]]
    ) -> int:
        """Add the row that ends at `us`, and empty rows for those between it and the
        last one.

        Args:
            session: Session of the row.
            us: END of the row, µs UTC.
            bars: open, high, low, close, volume by asset index, decimals or floats;
                assets left out have no bar.

        Returns:
            The row.

        Raises:
            ValueError: `us` is not the END of a row of the session, or is not after the
                last row.
        """
        if self.frozen:
            raise ValueError("a frozen table takes no rows: it was made with all of them")
        row = self.rows
        if row < self.laid_out and self._next_us[row] == us:
            self.open_row(row)
            self.rows = row + 1
        else:
            row = self._grow(session, us)
        opens, highs, lows, closes, volumes = self.cells
        for index, values in bars.items():
            at = row * self.width + index
            opens[at], highs[at], lows[at], closes[at], volumes[at] = values
        if self.thousandths and bars:
            columns = list(bars)
            for field in OHLCV:
                matrix = self._matrices[field]
                matrix[row, columns] = in_thousandths(matrix[row, columns], field)
        return row

    def set_row(self, row: int, values: Mapping[str, Floats | float]) -> None:
        """Overwrite a row of an unsealed table, with one value per asset and field, or
        one for all assets.
        """
        self._lay_out()
        for field in OHLCV:
            self._matrices[field][row] = values[field]
        if self._moving is not None:
            self._moving.set_back(row)

    def put_row(self, row: int, places: Places, values: Sequence[Floats] | Floats) -> None:
        """Write bars into an open row, as columns.

        Args:
            row: The row.
            places: Asset index of each bar.
            values: Open, high, low, close and volume, one of each per bar.
        """
        for field, column in zip(OHLCV, values, strict=True):
            kept = in_thousandths(column, field) if self.thousandths else column
            self._matrices[field][row, places] = kept

    def amend(self, row: int, bars: Mapping[int, Sequence[float]]) -> None:
        """Write bars into a past row, by asset index: open, high, low, close,
        volume.
        """
        places = np.fromiter(bars, np.intp, len(bars))
        self.put_row(row, places, np.array(list(bars.values())).T)
        if self._moving is not None:
            self._moving.set_back(row)

    def loosen(self) -> None:
        """Allow rows to be amended: this is a copy, and from now on its arrays belong
        to no other table.
        """
        self.frozen, self.complete, self.computed = False, None, None
        self.has_close, self._series, self._dates = {}, {}, None
        self._matrices = {field: matrix.copy() for field, matrix in self._matrices.items()}
        self._note_cells()

    # All checks come before any change.
    def _grow(self, session: int, us: int) -> int:
        if session != self._ends_of:
            self._ends_of, self._ends = session, self._row_ends(session)
        place = int(self._ends.searchsorted(us))
        last = int(self._us[self.rows - 1]) if self.rows else -1
        if place == len(self._ends) or int(self._ends[place]) != us or us <= last:
            kind = "minute" if self.interval == MINUTE else self.interval.bar_word
            raise ValueError(
                f"a slice must end a {kind} of {self.calendar.name} after the last one: was "
                f"{datetime_of(us).isoformat()}, the "
                f"last one {datetime_of(last).isoformat() if self.rows else 'none'}; send slices "
                "in order, stamped with their END"
            )
        while self.last_session < session:
            self._open_session(self.last_session + 1)
        row = self._starts[session - self.first_session] + place
        self.open_row(row)
        self.rows = row + 1
        return row

    def _row_ends(self, session: int) -> NDArray[np.int64]:
        if session < self.first_session:
            return np.empty(0, dtype=np.int64)
        return self._grid.ends_us(session)

    # The axis is at most the rest of a session ahead of the rows.
    def _open_session(self, session: int) -> None:
        if len(self._starts) > 1:
            self.open_row(self._starts[-1] - 1)
            self.rows = self._starts[-1]
        us, sessions = self._axis(session, session)
        need = self.rows + len(us)
        if need > len(self._us):
            self._reserve(max(need, 2 * len(self._us), 64))
        self._us[self.rows : need] = us
        self._sessions[self.rows : need] = sessions
        self.laid_out = need

    def open_row(self, row: int) -> None:
        """Prepare a row, and those before it, for bars.

        Only some rows are prepared at once, and some moved if the table will need more
        room: all rows of a session, or of a long run, would block a session's loop for
        a tenth of a second.
        """
        begin = self.blanked
        if row < begin:
            return
        end = max(row + 1, min(self.laid_out, begin + _CELLS_AT_ONCE // max(self.width, 1)))
        for field, matrix in self._matrices.items():
            matrix[begin:end] = EMPTY[field]
        self.blanked = end
        capacity = len(self._us)
        session_rows = self.laid_out - self._starts[-2]
        left = capacity - self.laid_out
        if self._moving is None and left < max(session_rows, capacity // 4):
            self._moving = MovingRows(self._matrices, 2 * capacity)
        if self._moving is not None:
            self._moving.move(self._matrices, self.rows, by=end - begin, left=capacity - self.rows)

    # Rows that have already moved are not moved again.
    def _reserve(self, capacity: int) -> None:
        moving, self._moving = self._moving, None
        if moving is None or moving.capacity < capacity:
            moving = MovingRows(self._matrices, capacity)
        capacity = moving.capacity
        self._matrices = moving.finish(self._matrices, self.rows)
        self.generation += 1
        self._us = longer(self._us, self.rows, capacity)
        self._sessions = longer(self._sessions, self.rows, capacity)
        self._note_cells()

    # Writing a number through a view costs a third of writing it into the array.
    def _note_cells(self) -> None:
        self._next_us = self.flat_us()
        self.cells: tuple[Any, ...] = tuple(self.flat(field) for field in OHLCV)
