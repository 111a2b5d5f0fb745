"""Read access to a table of bars: rows, columns, single values, series, dates.

The rule: nothing here changes a table; tables that grow or roll are subclasses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias, cast

import polars as pl

from rbtlive.data.calendars.calendar import TradingCalendar
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.interval import Interval

Floats: TypeAlias = "NDArray[np.float64]"


class BarReads:
    """OHLCV of all assets, rows x assets, read-only.

    Attributes:
        interval: Length of a row.
        calendar: Calendar of the rows.
        symbols: Name of each column.
        first_session: Session of the first row.
        frozen: Rows are never added or changed.
        rows: Number of rows.
        width: Number of assets.
        base: First row held.
    """

    interval: Interval
    calendar: TradingCalendar
    symbols: tuple[str, ...]
    first_session: int
    frozen: bool
    rows: int
    width: int
    base: int
    _starts: list[int]
    _us: NDArray[np.int64]
    _sessions: NDArray[np.int32]
    _matrices: dict[str, Floats]
    _series: dict[tuple[int, str], pl.Series]
    _dates: pl.Series | None

    @property
    def last_session(self) -> int:
        """Session of the last row; one below `first_session` if there are no rows."""
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
        """Row after the last one held."""
        return self.rows

    def values(self, field: str, low: int, high: int) -> Floats:
        """Return a field over rows `low` to `high` - 1, rows x assets, C order; NaN is
        a missing price.

        It is read-only in a frozen table.
        """
        return self._matrices[field][low:high]

    def flat(self, field: str) -> Sequence[float]:
        """Return a field as one sequence of floats: the value of a row and asset is at
        (row - base) * width + asset.
        """
        return cast(Sequence[float], memoryview(cast(Any, self._matrices[field].reshape(-1))))

    def view(self, index: int, field: str) -> Sequence[float]:
        """Return a field of one asset: the value of a row is at row - base. The view
        becomes invalid when the arrays move.
        """
        return cast(Sequence[float], memoryview(cast(Any, self._matrices[field][:, index])))

    def flat_us(self) -> Sequence[int]:
        """Return the END of each row as one sequence of ints."""
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
        volume other than 0; -1 if none has.
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
        """Return the row that ends at `us`; -1 if none does."""
        low, high = self.rows_of_session(session)
        row = low + int(np.searchsorted(self._us[low:high], us))
        return row if row < high and int(self._us[row]) == us else -1


def to_series(name: str, values: Floats) -> pl.Series:
    """Return floats as a Float64 Series; a missing value is NaN."""
    return _maker()(name, np.ascontiguousarray(values))


# The constructor of polars examines its arguments at ten times the cost of the compiled
# column it makes. The names used here are private to polars and may disappear; then its
# constructor is used.
@cache
def _maker() -> Callable[[str, Floats], pl.Series]:
    def plain(name: str, values: Floats) -> pl.Series:
        return pl.Series(name, values, dtype=pl.Float64)

    example = np.array([1.5, np.nan, -0.0])
    try:
        column_of = type(pl.Series([0.0])._s).new_f64  # noqa: SLF001 - see above
        same = shelled(column_of("a", example, False)).equals(
            plain("a", example), check_dtypes=True, check_names=True
        )
    except (AttributeError, TypeError):
        return plain
    if not same:
        return plain
    return lambda name, values: shelled(column_of(name, values, False))


def shelled(column: Any) -> pl.Series:
    """Return polars' own column as a Series, which is a shell around it."""
    made = _new(pl.Series)
    made._s = column  # noqa: SLF001 - see `_maker`
    return made


_new = pl.Series.__new__


def last_known(values: Floats, field: str, low: int) -> int:
    """Return `low` plus the last index with a price, or a volume other than 0; -1 if
    none has.

    It examines few values if one of the last is known.
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
