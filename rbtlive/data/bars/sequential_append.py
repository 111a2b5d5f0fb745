"""Fast storage of the next bar: nearly all slices of a session are the next one, and
one comparison shows it.

The rule: if the calendar or the bar needs checking, the slice is left to
`Market.append_slice`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rbtlive.data.bars.bar_table import EMPTY
from rbtlive.data.calendars.calendar import datetime_of
from rbtlive.model.arrays import np
from rbtlive.model.bar import floats_of

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_table import BarTable
    from rbtlive.data.bars.table_maker import ListingDates
    from rbtlive.model.bar import Bar, PlainRow
    from rbtlive.model.slice_columns import Names, SliceColumns


class SequentialAppend:
    """Stores the bar after the last one.

    Args:
        table: The table to write.
        index: Asset index by symbol.
        listing: Listing sessions of each asset.

    Attributes:
        due: END of the expected bar: the one after the last, in its session; None
            expects none.
    """

    __slots__ = (
        "_index",
        "_length",
        "_listed",
        "_listing",
        "_places",
        "_places_of",
        "_session",
        "_step_us",
        "_table",
        "_until",
        "due",
    )

    def __init__(self, table: BarTable, index: Mapping[str, int], listing: ListingDates) -> None:
        self._table, self._index, self._listing = table, index, listing
        self._step_us, self._length = table.interval.us, table.interval.duration
        self.due: datetime | None = None
        self._until = 0  # the expected bar's row is below this
        self._session, self._listed = -1, dict[str, int]()
        self._places_of: tuple[Names, int] | None = None
        self._places: Any = None  # and the asset indices of its symbols

    def expect_after(self, us: int, session: int) -> None:
        """Expect the bar after the last row, which ends at `us`, in its session."""
        self._until = self._whole_bars_until()
        self.due = datetime_of(us + self._step_us) if self._table.rows < self._until else None
        if session != self._session:
            first, last = self._listing.first, self._listing.last
            self._session = session
            self._listed = {
                name: i for name, i in self._index.items() if first[i] <= session <= last[i]
            }

    # The session's end if all rows up to it are one bar apart; if they are not, or
    # prices are stored in another precision, no bar is accepted here.
    def _whole_bars_until(self) -> int:
        table = self._table
        row, end, us = table.rows, table.laid_out, table.flat_us()
        if (
            table.thousandths
            or row >= end
            or us[end - 1] != us[row - 1] + (end - row) * self._step_us
        ):
            return row
        return end

    def expect_nothing(self) -> None:
        """Expect no bar until the slow path has stored one: a session has begun or
        ended.
        """
        self.due = None

    def append(self, timestamp: datetime, bars: Mapping[str, Bar]) -> int:
        """Store a slice like `Market.append_slice`, if it is the expected bar.

        Args:
            timestamp: END of the slice.
            bars: Bars by symbol.

        Returns:
            The slice's row; -1, without any change, for another slice or one that needs
            checks.
        """
        if timestamp != self.due:
            return -1
        table, places = self._table, self._listed
        row = table.rows
        if row >= table.blanked:
            table.open_row(row)
        first = row * table.width
        opens, highs, lows, closes, volumes = table.cells
        try:
            for symbol in bars:
                at = first + places[symbol]
                opens[at], highs[at], lows[at], closes[at], volumes[at] = floats_of(bars[symbol])
        except KeyError:  # not an asset of the run, or not listed in this session
            table.set_row(row, EMPTY)
            return -1
        table.rows = row = row + 1
        self.due = timestamp + self._length if row < self._until else None
        return row - 1

    def append_row(self, timestamp: datetime, bar: PlainRow) -> int:
        """Store a slice of one plain bar, like `append`."""
        symbol, floats = bar
        listed = self._listed
        if timestamp != self.due or symbol not in listed:
            return -1
        table = self._table
        row = table.rows
        if row >= table.blanked:
            table.open_row(row)
        at = row * table.width + listed[symbol]
        opens, highs, lows, closes, volumes = table.cells
        opens[at], highs[at], lows[at], closes[at], volumes[at] = floats
        table.rows = row = row + 1
        self.due = timestamp + self._length if row < self._until else None
        return row - 1

    def append_columns(self, columns: SliceColumns) -> int:
        """Store a slice of columns, like `append`."""
        timestamp = columns.timestamp
        if timestamp != self.due:
            return -1
        if self._places_of != (columns.names, self._session):
            try:
                places = [self._listed[symbol] for symbol in columns.names.symbols]
            except KeyError:
                return -1
            self._places_of = columns.names, self._session
            self._places = np.array(places, dtype=np.intp)
        table = self._table
        row = table.rows
        table.open_row(row)
        table.put_row(row, self._places, columns.values)
        table.rows = row = row + 1
        self.due = timestamp + self._length if row < self._until else None
        return row - 1
