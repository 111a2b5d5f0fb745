"""All daily bars of a portal, one field at a time: a view of the whole market without a
cursor.

The rule: a field or row that nobody reads costs nothing, nor do rows in which every
asset has a bar; the rows of a large field are built on request and not kept. Threads
may read at once: one of them lays out, and laid-out rows do not change.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

import polars as pl

from rbtlive.data.bars.bar_table import EMPTY, in_thousandths
from rbtlive.data.bars.table_maker import ListingDates
from rbtlive.model.arrays import NDArray, np

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats
    from rbtlive.data.portal import PolarsDataPortal

KEPT_CELLS: Final = 24_000_000
"""Rows of fields of at most this many bars (of 8 bytes) are built once and kept."""

_CACHED: Final = 32_768  # this many numbers fit in a processor's cache


class FieldTable:
    """Daily bars as matrices, sessions x assets.

    Args:
        portal: Provides the bars.
        thousandths: Keep prices in the precision of zipline's files.

    Attributes:
        rows: Number of sessions.
        width: Number of assets.
        first_session: Number of the first session.
        last_session: Number of the last one.
    """

    def __init__(self, portal: PolarsDataPortal, *, thousandths: bool = False) -> None:
        calendar, assets = portal.calendar, portal.assets
        self._bars = bars = portal.daily
        self._thousandths = thousandths
        self.first_session, self.last_session = portal.first_session, portal.last_session
        self.rows = self.last_session - self.first_session + 1
        self.width = len(assets)
        self._sessions = sessions = bars["session"].to_numpy()
        # In the sessions' own type: otherwise all of them would be converted to the
        # axis's type.
        axis = np.arange(self.first_session, self.last_session + 2, dtype=sessions.dtype)
        starts = np.searchsorted(sessions, axis)
        self._starts: list[int] = starts.tolist()
        incomplete = np.diff(starts) != self.width
        self._gaps: list[int] = np.append(0, np.cumsum(incomplete)).tolist()  # before a row
        self._assets = bars["asset"].to_numpy()
        listing = portal.shared.listing(lambda: ListingDates(calendar, assets))
        self._first_listed = np.array(listing.first, dtype=np.int32)
        self._last_listed = np.array(listing.last, dtype=np.int32)
        self._all_from, self._all_until = max(listing.first), min(listing.last)
        self._with_strays: frozenset[int] | None = None
        self._kept: dict[str, Floats] = {}
        self._filled: dict[str, tuple[int, int]] = {}  # from which row to before which
        self._filling = Lock()

    def values(self, field: str, low: int, high: int) -> Floats:
        """Return a field over rows `low` to `high` - 1, rows x assets, read-only; NaN
        is a missing price, 0 a missing volume.
        """
        if not self._thousandths and self._are_complete(low, high):
            bars = self._bars[field][self._starts[low] : self._starts[high]]
            if bars.dtype == pl.Float64:
                return bars.to_numpy().reshape(high - low, self.width)
        if self.rows * self.width > KEPT_CELLS:
            out = np.empty((high - low, self.width))
            self._lay_out(field, low, high, out)
        else:
            with self._filling:
                out = self._kept_rows(field, low, high)
        out.flags.writeable = False
        return out

    # Bars are sorted by asset: rows in which every asset has one are already a matrix.
    def _are_complete(self, low: int, high: int) -> bool:
        if self._gaps[low] != self._gaps[high]:
            return False
        return not any(low <= row < high for row in self._rows_with_strays())

    # Rows are laid out when they are first read; the others take no memory.
    def _kept_rows(self, field: str, low: int, high: int) -> Floats:
        if field not in self._kept:
            self._kept[field] = np.empty((self.rows, self.width))
            self._filled[field] = low, low
        matrix, (begin, end) = self._kept[field], self._filled[field]
        if low < begin:
            self._lay_out(field, low, begin, matrix[low:begin])
        if high > end:
            self._lay_out(field, end, high, matrix[end:high])
        self._filled[field] = min(low, begin), max(high, end)
        return matrix[low:high]

    # A few rows at a time, so that they stay in the processor's cache while they are
    # filled.
    def _lay_out(self, field: str, low: int, high: int, out: Floats) -> None:
        begin, end = self._starts[low], self._starts[high]
        values = self._bars[field][begin:end].cast(pl.Float64).to_numpy()
        if self._thousandths:
            values = in_thousandths(values, field)
        empty, step = EMPTY[field], max(1, _CACHED // max(1, self.width))
        for row in range(low, high, step):
            lines = out[row - low : row - low + step].reshape(-1)
            starts = np.array(self._starts[row : min(row + step, high) + 1])
            given = values[starts[0] - begin : starts[-1] - begin]
            if len(given) == len(lines):
                lines[:] = given
                continue
            lines.fill(empty)
            cells = np.repeat(np.arange(len(starts) - 1) * self.width, np.diff(starts))
            cells += self._assets[starts[0] : starts[-1]]
            lines[cells] = given
        for row in self._rows_with_strays():
            if low <= row < high:
                np.copyto(out[row - low], empty, where=self._gone(row))

    # Which assets are not listed.
    def _gone(self, row: int) -> NDArray[np.bool_]:
        session = self.first_session + row
        return (self._first_listed > session) | (self._last_listed < session)

    # Rows that contain a bar outside its asset's listing dates; such a bar does not
    # count.
    def _rows_with_strays(self) -> frozenset[int]:
        if self._with_strays is None:
            found: set[int] = set()
            for low in range(0, len(self._sessions), _CACHED):
                sessions = self._sessions[low : low + _CACHED]
                assets = self._assets[low : low + _CACHED]
                if sessions[0] < self._all_from:
                    stray = sessions[self._first_listed.take(assets) > sessions]
                    found.update((stray - self.first_session).tolist())
                if sessions[-1] > self._all_until:
                    stray = sessions[self._last_listed.take(assets) < sessions]
                    found.update((stray - self.first_session).tolist())
            self._with_strays = frozenset(found)
        return self._with_strays

    def value(self, index: int, field: str, row: int) -> float:
        """Return a field of one asset at a row."""
        return float(self.values(field, row, row + 1)[0, index])


class WholeMarket:
    """All daily bars of a portal, seen from after the last bar.

    Args:
        portal: Provides assets, bars, splits and dividends.
        thousandths: Keep prices in the precision of zipline's files.

    Attributes:
        portal: The portal given.
        calendar: Its calendar.
        assets: The assets, in the order of their index.
        data_start: Session before which there is no data.
        daily: The bars.
        preload: All bars are available from the start.
    """

    preload: Final = True

    def __init__(self, portal: PolarsDataPortal, *, thousandths: bool = False) -> None:
        self.portal = portal
        self.calendar = portal.calendar
        self.assets = tuple(portal.assets)
        self.data_start = portal.first_session
        self.daily = portal.shared.fields(
            thousandths, lambda: FieldTable(portal, thousandths=thousandths)
        )
