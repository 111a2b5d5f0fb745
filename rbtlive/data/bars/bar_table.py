"""Bars of all assets on one axis of time, as plain float arrays.

The rule: a row is a slice of time (a session, or a bar within one) and exists even if
nothing traded in it; a missing price is NaN and a missing volume is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING, Any, Final, SupportsFloat, TypeAlias, cast

import polars as pl

from rbtlive.data.calendars.calendar import TradingCalendar, datetime_of
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.bar import OHLCV
from rbtlive.model.interval import MINUTE, Interval

if TYPE_CHECKING:
    from rbtlive.data.bars.column_cache import ColumnCache

Floats: TypeAlias = "NDArray[np.float64]"
Real = SupportsFloat | float
"""What is kept as a float: a decimal, for one."""

FIELDS: Final = OHLCV
PRICE_FIELDS: Final = FIELDS[:4]

EMPTY: Final = {"open": nan, "high": nan, "low": nan, "close": nan, "volume": 0.0}
"""What a row holds of an asset that has not traded."""
_UINT32_MAX: Final = 4_294_967_295


def in_thousandths(values: Floats, field: str) -> Floats:
    """Return values as zipline's files keep them: prices in whole thousandths below
    4.29 million, volumes in whole shares.

    A price of 0 reads as missing there, and so does one that does not fit.

    Source: zipline-reloaded 3.2.1, `data/bcolz_daily_bars.py`.
    """
    if field == "volume":
        kept = np.where(values <= _UINT32_MAX, np.trunc(values), 0.0)
        return np.nan_to_num(kept)
    scaled = np.rint(values * 1000.0)
    scaled[~((scaled > 0.0) & (scaled <= _UINT32_MAX))] = np.nan
    return np.asarray(scaled * 0.001)


class BarTable:
    """OHLCV of all assets, rows x assets, that may grow at its end.

    Args:
        interval: How long a row is; a week or month is a session of its own calendar.
        calendar: Gives the rows.
        symbols: Name of each column.
        first_session: Session of the first row.
        last_session: Session of the last row; below `first_session` for a table that
            starts empty.
        frozen: No row is ever added or changed: whole columns are converted once and
            kept.
        thousandths: Keep prices as zipline's files do.
        rolls: Hold no rows yet.

    Attributes:
        rows: How many rows there are.
        width: How many assets there are.
        base: First row that is held; all are unless the table rolls.
        cells: For each field, what `flat` gives of it, to be written.
        complete: Whether every asset has a close in each row of a frozen table; None
            until somebody has looked.
        computed: Columns computed from the bars of a table that several runs read; None
            where one run alone does.
        laid_out: Row after the last that has its place on the axis; those from `rows`
            on wait for their bars.
        thousandths: Whether prices are kept as zipline's files do.
        generation: Grows when the arrays are moved to another place, and views of them
            are no longer followed.
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
        self._bare = frozen and not rolls  # no rows are laid out before bars come
        self._matrices = self._blank(0 if frozen else self.rows)
        self._series: dict[tuple[int, str], pl.Series] = {}
        self._dates: pl.Series | None = None
        self.complete: bytes | None = None
        self.computed: ColumnCache | None = None
        self.generation = 0
        self.laid_out = self._starts[-1]
        self._note_cells()
        self._ends_of, self._ends = (
            -1,
            np.empty(0, dtype=np.int64),
        )  # of the session last appended to

    # The rows of consecutive sessions; notes where each session begins.
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

    def _blank(self, rows: int) -> dict[str, Floats]:
        return {
            field: np.full((rows, self.width), EMPTY[field], dtype=np.float64) for field in FIELDS
        }

    def fill(self, bars: pl.DataFrame) -> None:
        """Put bars into their rows; bars outside the axis are left out.

        Args:
            bars: `session` and `asset` (Int32), `us` (Int64) in an intraday table, and
                open, high, low, close, volume (Float64).
        """
        bars = bars.filter(pl.col("session").is_between(self.first_session, self.last_session))
        if self._bare and self._are_all_rows(bars):
            columns = {field: self._kept(bars, field) for field in FIELDS}
            self._matrices = {
                field: values.reshape(self.rows, -1) for field, values in columns.items()
            }
            self._bare = False
            self._note_cells()
        else:
            self._lay_out()
            self._put(bars, self._matrices, base=0)

    # Whether these are a bar of each asset in each row, in order: such columns are the
    # rows, and are taken without a copy.
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
        for field in FIELDS:
            matrices[field].reshape(-1)[cell] = self._kept(bars, field)

    def seal(self) -> None:
        """Make the rows of a frozen table unchangeable."""
        self._lay_out()
        if self.frozen:
            for matrix in self._matrices.values():
                matrix.setflags(write=False)

    def reach(self, session: int, *, back_to: int) -> None:
        """Have the rows of a session held from now on, and those before it from
        `back_to` on.
        """

    @property
    def last_session(self) -> int:
        """Session of the last row; one below `first_session` while there is no row."""
        return self.first_session + len(self._starts) - 2

    @property
    def row_us(self) -> NDArray[np.int64]:
        """END of each row, µs UTC; a session's is its close."""
        return self._us[: self.rows]

    def session_at(self, row: int) -> int:
        """Return the session of a row."""
        return int(self._sessions[row])

    @property
    def row_sessions(self) -> NDArray[np.int32]:
        """Session of each row."""
        return self._sessions[: self.rows]

    @property
    def end(self) -> int:
        """Row after the last that is held."""
        return self.rows

    def hold_from(self, row: int) -> None:
        """Have all rows from this one to the last that is held be held."""

    def values(self, field: str, low: int, high: int) -> Floats:
        """Return a field over rows `low` to `high` - 1, rows x assets, C order; NaN is
        a missing price.

        It is read-only in a frozen table.
        """
        return self._matrices[field][low:high]

    def flat(self, field: str) -> Sequence[float]:
        """Return a field as one run of floats: the value of a row and an asset is at
        (row - base) * width + asset.
        """
        return cast(Sequence[float], memoryview(cast(Any, self._matrices[field].reshape(-1))))

    def view(self, index: int, field: str) -> Sequence[float]:
        """Return a field of one asset: the value of a row is at row - base. It ends
        when the arrays move.
        """
        return cast(Sequence[float], memoryview(cast(Any, self._matrices[field][:, index])))

    def flat_us(self) -> Sequence[int]:
        """Return the END of each row as one run of ints."""
        return cast(Sequence[int], memoryview(cast(Any, self._us)))

    def value(self, index: int, field: str, row: int) -> float:
        """Return a field of one asset at a row."""
        return float(self._matrices[field][row, index])

    def column(self, index: int, field: str, low: int, high: int) -> Floats:
        """Return a field of one asset over rows `low` to `high` - 1."""
        return self._matrices[field][low:high, index]

    def whole_column(self, index: int, field: str) -> Floats:
        """Return a field of one asset over all rows."""
        return self.column(index, field, 0, self.rows)

    def last_known(self, index: int, field: str, *, low: int, high: int) -> int:
        """Return the last row from `low` to `high` in which an asset has a price, or a
        volume other than 0; -1 if there is none.
        """
        return last_known(self._matrices[field][low : high + 1, index], field, low)

    def held_series(self, index: int, field: str) -> pl.Series:
        """Return a field of one asset from row `base` on, as a Float64 Series named by
        symbol, NaN where a price is missing.
        """
        key = (index, field)
        cached = self._series.get(key)
        if cached is None:
            cached = to_series(self.symbols[index], self.column(index, field, self.base, self.end))
            if self.frozen:
                self._series[key] = cached
        return cached

    def series(self, index: int, field: str, low: int, rows: int) -> pl.Series:
        """Return `rows` values of a field of one asset from row `low` on, as a Float64
        Series; NaN where a price is missing.
        """
        known = self._series.get((index, field))
        return (self.held_series(index, field) if known is None else known).slice(low, rows)

    def dates(self, low: int, high: int) -> pl.Series:
        """Return the `date` column of rows `low` to `high` - 1: session labels, or ENDs
        of bars in UTC.
        """
        if not self.frozen:
            return self._make_dates(low, high)
        if self._dates is None:
            self._dates = self._make_dates(0, self.rows)
        return self._dates.slice(low, high - low)

    def _make_dates(self, low: int, high: int) -> pl.Series:
        if not self.interval.intraday:
            first = self.first_session
            return pl.Series("date", self.calendar.labels[first + low : first + high])
        return pl.Series("date", self._us[low:high]).cast(pl.Datetime("us", "UTC"))

    def rows_of_session(self, session: int) -> tuple[int, int]:
        """Return the first row of a session and the row after its last.

        A session after the last row gives the end of the table twice, one before the
        first row its beginning.
        """
        place = session - self.first_session
        if place < 0:
            return 0, 0
        if place >= len(self._starts) - 1:
            return self.rows, self.rows
        return self._starts[place], min(self._starts[place + 1], self.rows)

    def row_of(self, us: int, session: int) -> int:
        """Return the row that ends at `us`; -1 if there is none."""
        low, high = self.rows_of_session(session)
        row = low + int(np.searchsorted(self._us[low:high], us))
        return row if row < high and int(self._us[row]) == us else -1

    def append(
        self, session: int, us: int, bars: Mapping[int, tuple[Real, Real, Real, Real, Real]]
    ) -> int:
        """Add the row that ends at `us`, and empty rows for whatever lies between it
        and the last one.

        Args:
            session: Session of the row.
            us: END of the row, µs UTC.
            bars: open, high, low, close, volume by asset index, decimals or floats;
                assets left out have no bar.

        Returns:
            The row.

        Raises:
            ValueError: `us` ends no row of the session, or is not after the last row.
        """
        if self.frozen:
            raise ValueError("a frozen table takes no rows: it was made with all of them")
        row = self.rows
        if row < self.laid_out and self._next_us[row] == us:
            self.rows = row + 1
        else:
            row = self._grow(session, us)
        opens, highs, lows, closes, volumes = self.cells
        for index, values in bars.items():
            at = row * self.width + index
            opens[at], highs[at], lows[at], closes[at], volumes[at] = values
        if self.thousandths and bars:
            columns = list(bars)
            for field in FIELDS:
                matrix = self._matrices[field]
                matrix[row, columns] = in_thousandths(matrix[row, columns], field)
        return row

    def set_row(self, row: int, values: Mapping[str, Floats | float]) -> None:
        """Overwrite a row of a table that is not sealed, with one value an asset and
        field, or one for all assets.
        """
        self._lay_out()
        for field in FIELDS:
            self._matrices[field][row] = values[field]

    # Everything is checked before anything changes.
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
        self.rows = row + 1
        return row

    def _row_ends(self, session: int) -> NDArray[np.int64]:
        if session < self.first_session:
            return np.empty(0, dtype=np.int64)
        return self._grid.ends_us(session)

    # The axis runs ahead of the rows by at most the rest of a session.
    def _open_session(self, session: int) -> None:
        if len(self._starts) > 1:
            self.rows = self._starts[-1]
        us, sessions = self._axis(session, session)
        need = self.rows + len(us)
        if need > len(self._us):
            self._reserve(max(need, 2 * len(self._us), 64))
        self._us[self.rows : need] = us
        self._sessions[self.rows : need] = sessions
        self.laid_out = need

    def _reserve(self, capacity: int) -> None:
        def longer(array: NDArray[Any], blank: float) -> NDArray[Any]:
            grown = np.full((capacity, *array.shape[1:]), blank, dtype=array.dtype)
            grown[: self.rows] = array[: self.rows]
            return grown

        self.generation += 1
        self._us = longer(self._us, 0)
        self._sessions = longer(self._sessions, 0)
        self._matrices = {
            field: longer(matrix, EMPTY[field]) for field, matrix in self._matrices.items()
        }
        self._note_cells()

    # Writing a number through a view costs a third of writing it into the array.
    def _note_cells(self) -> None:
        self._next_us = self.flat_us()
        self.cells: tuple[Any, ...] = tuple(self.flat(field) for field in FIELDS)


def to_series(name: str, values: Floats) -> pl.Series:
    """Return floats as a Float64 Series; a missing value is NaN."""
    return pl.Series(name, np.ascontiguousarray(values), dtype=pl.Float64)


def last_known(values: Floats, field: str, low: int) -> int:
    """Return `low` plus the last place with a price, or a volume other than 0; -1 if
    there is none.

    It looks at few values where the last of them are known.
    """
    high, step = len(values), 64
    while high > 0:
        begin = max(0, high - step)
        window = values[begin:high]
        known = np.flatnonzero(window if field == "volume" else ~np.isnan(window))
        if len(known):
            return low + begin + int(known[-1])
        high, step = begin, step * 4
    return -1
