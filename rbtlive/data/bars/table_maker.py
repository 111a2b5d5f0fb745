"""Builds the tables of a run and fills them from a portal.

The rule: a bar outside its asset's listing dates does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

import polars as pl

from rbtlive.data.bars.bar_table import BarTable
from rbtlive.data.bars.minute_bars import StoredMinutes
from rbtlive.data.bars.rolling_table import RollingTable
from rbtlive.data.bars.session_bars import session_bar
from rbtlive.data.calendars.calendar import TradingCalendar
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset
from rbtlive.model.interval import DAY, Interval

if TYPE_CHECKING:
    from rbtlive.data.portal import PolarsDataPortal

NEVER: Final = 2**31 - 2
"""A session number after all others."""

_EPOCH: Final = date(1970, 1, 1).toordinal()
EMPTY_SESSIONS: Final = 5
"""Number of sessions with only daily bars that a window of minutes may reach back
into.
"""


def as_days(dates: Sequence[date]) -> NDArray[np.datetime64]:
    """Return dates as datetime64[D]; this is ten times faster than NumPy's own
    conversion.
    """
    ordinals = np.fromiter(map(date.toordinal, dates), np.int64, len(dates))
    return (ordinals - _EPOCH).view("M8[D]")


class ListingDates:
    """Listing dates of each asset, as session numbers by asset index.

    Attributes:
        first: First session.
        last: Last session; `NEVER` if it is beyond the calendar.
        auto_close: Last session on or before the auto-close date; `NEVER` if that is
            beyond the calendar.
    """

    def __init__(self, calendar: TradingCalendar, assets: Sequence[Asset]) -> None:
        labels = calendar.labels.astype("M8[D]")

        def last_on_or_before(days: list[date]) -> list[int]:
            places = np.searchsorted(labels, as_days(days), side="right") - 1
            known: list[int] = np.where(places < len(labels) - 1, places, NEVER).tolist()
            return known

        starts = as_days([asset.start_date for asset in assets])
        self.first: list[int] = np.searchsorted(labels, starts).tolist()
        self.last = last_on_or_before([asset.end_date for asset in assets])
        self.auto_close = last_on_or_before([asset.auto_close_date for asset in assets])

    def keep(self, bars: pl.DataFrame) -> pl.DataFrame:
        """Return the bars within their asset's listing dates."""
        index, session = bars["asset"].to_numpy(), bars["session"].to_numpy()
        if not len(session) or (
            max(self.first) <= session.min() and session.max() <= min(self.last)
        ):
            return bars
        first, last = (np.array(days, dtype=np.int32) for days in (self.first, self.last))
        alive = session >= first.take(index)
        alive &= session <= last.take(index)
        return bars if alive.all() else bars.filter(pl.Series(alive))


class TableMaker:
    """Builds the tables of one run.

    Args:
        portal: Provides assets, calendar and bars.
        listing: Listing dates of each asset.
        first_session: First session of the run; earlier bars are history.
        end: Last session whose bars the portal gives.
        data_start: Session before which there is no data.
        frozen: All rows are available from the start.
        thousandths: Keep prices in the precision of zipline's files.
    """

    def __init__(
        self,
        portal: PolarsDataPortal,
        listing: ListingDates,
        *,
        first_session: int,
        end: int,
        data_start: int,
        frozen: bool,
        thousandths: bool,
    ) -> None:
        self._portal = portal
        self.listing = listing
        self._first_session = first_session
        self._end = end
        self._data_start = data_start
        self._frozen = frozen
        self._thousandths = thousandths
        self._symbols = tuple(asset.symbol for asset in portal.assets)

    def _empty(self, interval: Interval, first: int) -> BarTable:
        return BarTable(
            interval=interval,
            calendar=self._portal.calendar,
            symbols=self._symbols,
            first_session=first,
            last_session=self._end,
            frozen=self._frozen,
            thousandths=self._thousandths,
        )

    def main(self, interval: Interval) -> BarTable:
        """Return the table of the run's own bars.

        Recent sessions with daily bars but no intraday bars count as missing bars, not
        as the end of the data. Frozen tables are shared by all runs over the portal.
        """
        if not self._frozen or isinstance(self._portal.minutes, StoredMinutes):
            return self._main(interval)
        key = (interval, self._first_session, self._end, self._data_start, self._thousandths)
        return self._portal.shared.table(key, lambda: self._main(interval))

    def _main(self, interval: Interval) -> BarTable:
        first, minutes = self._first_session, self._portal.minutes
        if not interval.intraday:
            if len(self._portal.daily):
                first = min(first, int(self._portal.daily["session"][0]))
            return self._filled(self._empty(interval, first), [self._portal.daily])
        if minutes is not None:
            first = min(first, minutes.first_session)
        first = max(min(first, self._data_start), first - EMPTY_SESSIONS)
        if self._frozen and isinstance(minutes, StoredMinutes):
            return RollingTable(
                interval=interval,
                calendar=self._portal.calendar,
                symbols=self._symbols,
                first_session=first,
                last_session=self._end,
                thousandths=self._thousandths,
                minutes=minutes,
                keep=self.listing.keep,
            )
        parts = [] if minutes is None else minutes.parts(first, self._end)
        return self._filled(self._empty(interval, first), parts)

    def _filled(self, table: BarTable, parts: Iterable[pl.DataFrame]) -> BarTable:
        for bars in parts:
            table.fill(self.listing.keep(bars))
        table.seal()
        return table

    def daily_beside(self, minutes: BarTable, known_sessions: set[int]) -> BarTable:
        """Return the daily table for a table of minutes: the portal's bars, or for
        sessions without one, bars built from minutes.
        """
        first = min([minutes.first_session, *known_sessions])
        daily = self._empty(DAY, first)
        for session in range(minutes.first_session, self._end + 1):
            if session not in known_sessions:
                minutes.reach(session, back_to=minutes.rows_of_session(session)[0])
                daily.set_row(session - first, session_bar(minutes, session))
        # Runs that hold all bars share the portal's daily bars; a live run needs few.
        bars = self._portal.daily if self._frozen else self._portal.daily_between(first, self._end)
        return self._filled(daily, [bars])
