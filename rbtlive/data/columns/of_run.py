"""Further columns as a run reads them: by asset and row of its tables.

The rule: a row that the data does not cover has no value, whatever the origin of its
bar; callers never request rows in the future.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from rbtlive.data.columns.laid_out import LaidOut
from rbtlive.errors import DataWarning, IncompatibleHistoryFrequency
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.calls import warn_user
from rbtlive.model.other_names import what_to_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rbtlive.data.bars.bar_reads import Floats
    from rbtlive.data.bars.bar_table import BarTable
    from rbtlive.data.bars.table_maker import ListingDates
    from rbtlive.data.columns.keyed import KeyedColumns, PortalColumns

NAN: Final = float("nan")


class RunColumns:
    """The further columns of a portal, read at the rows of a run's tables.

    Args:
        columns: The portal's columns.
        listing: Listing dates of each asset: outside them there are no bars.
    """

    __slots__ = ("_columns", "_hidden", "_listing", "_warned")

    def __init__(self, columns: PortalColumns, listing: ListingDates) -> None:
        self._columns = columns
        self._listing = listing
        self._hidden: set[str] = set()  # names that the strategy uses for other fields
        self._warned = False

    def hide(self, name: str) -> None:
        """Reserve a name for another field from now on, except in expressions."""
        self._hidden.add(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all fields among the columns."""
        return tuple(name for name in self._columns.names if name not in self._hidden)

    def source(self, name: str, table: BarTable) -> KeyedColumns | None:
        """Return the column with this name for a table's bars; None if there is
        none.
        """
        return self._columns.of(name, intraday=table.interval.intraday)

    def is_now(self, name: str, table: BarTable) -> bool:
        """Say whether a table's bars have a column with this name."""
        if not self._columns or name in self._hidden:
            return False
        return self.source(name, table) is not None

    def is_field(self, name: str, table: BarTable) -> bool:
        """Say whether a table's bars, or their days, have a column with this name."""
        if self.is_now(name, table):
            return True
        return name not in self._hidden and self._columns.of(name, intraday=False) is not None

    def in_expression(self, names: Iterable[str], table: BarTable) -> tuple[str, ...]:
        """Return the names that are columns of a table's bars."""
        if not self._columns:
            return ()
        return tuple(name for name in names if self.source(name, table) is not None)

    # --- values -----------------------------------------------------------------------

    def value(self, table: BarTable, index: int, name: str, row: int) -> float:
        """Return a value at a row; NaN if it is missing."""
        if row < 0:
            return NAN
        laid = self._laid_out(table, name)
        if row > laid.last_row and not table.frozen:
            self._warn(name)
        return float(laid.matrix[row, index]) if row < len(laid.matrix) else NAN

    def view(self, table: BarTable, index: int, name: str) -> memoryview:
        """Return a column of one asset, one float per row; IndexError after the
        data.
        """
        return memoryview(cast(Any, self._laid_out(table, name).matrix[:, index]))

    def rows(self, table: BarTable, name: str, low: int, high: int) -> Floats:
        """Return rows `low` to `high` - 1, rows x assets; NaN for missing values."""
        laid = self._laid_out(table, name)
        if high - 1 > laid.last_row and not table.frozen:
            self._warn(name)
        found = laid.matrix[low:high]
        missing = high - low - len(found)
        if missing <= 0:
            return found
        return np.concatenate([found, np.full((missing, table.width), np.nan)])

    def values(self, table: BarTable, index: int, name: str, low: int, high: int) -> Floats:
        """Return rows `low` to `high` - 1 of one asset."""
        found: Floats = self.rows(table, name, low, high)[:, index]
        return found

    def so_far(self, table: BarTable, name: str, row: int, indices: tuple[int, ...]) -> Floats:
        """Return the last known values, up to an intraday row, of the session that
        contains it, one per asset; NaN if no value is known.
        """
        if self.source(name, table) is None:
            return np.full(len(indices), np.nan)
        low = table.rows_of_session(table.session_at(row))[0]
        values = self.rows(table, name, low, row + 1)[:, indices]
        known = np.where(np.isnan(values), -1, np.arange(len(values))[:, None]).max(axis=0)
        return np.where(known < 0, np.nan, values[known, np.arange(len(indices))])

    def _laid_out(self, table: BarTable, name: str) -> LaidOut:
        known = table.further.get(name)
        if known is None:
            source = self.source(name, table)
            if source is None:
                raise IncompatibleHistoryFrequency(
                    f"column {name!r} is one of the daily bars: was asked for at "
                    f"{table.interval.text!r}; ask for it at '1d'"
                )
            known = table.further[name] = self._lay_out(table, source, name)
        return known

    # A growing table has the rows laid out here once it has reached them.
    def _lay_out(self, table: BarTable, source: KeyedColumns, name: str) -> LaidOut:
        sessions, assets = source.sessions, source.assets
        values = source.values(name)
        assert values is not None
        last = table.last_session if table.frozen else int(sessions.max(initial=-1))
        inside = (sessions >= table.first_session) & (sessions <= last)
        inside &= sessions >= np.array(self._listing.first, dtype=np.int64)[assets]
        inside &= sessions <= np.array(self._listing.last, dtype=np.int64)[assets]
        rows = sessions.astype(np.int64) - table.first_session
        height = max(0, last + 1 - table.first_session)
        if table.interval.intraday:
            axis = table.row_us if table.frozen else table.ends_through(last)
            rows, height = np.searchsorted(axis, source.times), len(axis)
        rows, assets, values = rows[inside], assets[inside], values[inside]
        matrix: NDArray[np.float64] = np.full((height, table.width), np.nan)
        matrix[rows, assets] = values
        matrix.setflags(write=False)
        return LaidOut(matrix, int(rows.max(initial=-1)))

    def _warn(self, name: str) -> None:
        if not self._warned:
            self._warned = True
            warn_user(
                f"column {name!r} ends with the data: bars that come later have no value of it, "
                "and it reads as NaN; give it by fetch_csv, look it up in a table of your own, "
                "or compute it in the strategy",
                DataWarning,
            )

    # --- messages ---------------------------------------------------------------------

    def advice(self, name: str, table: BarTable, known: Sequence[str]) -> str:
        """Return the end of a message about an unknown field, with a close name or the
        reason; empty if there is neither.

        Args:
            name: The name requested.
            table: The bars of the run.
            known: Names of the other fields.
        """
        if name in self._columns.names and self.source(name, table) is None:
            return (
                f"; {name!r} is a column of the daily bars: write "
                f'data.history(asset, "{name}", 5, "1d")'
            )
        if (reason := self._columns.why_not(name)) is not None:
            return f"; the source has such a column, but it {reason}"
        step = what_to_write(name, {}, (*known, *self.names))
        return f"; {step}" if step else ""
