"""Read the parts of a portal, and fit them together on one calendar.

The rule: all parts are read before any is fitted, because the calendar must reach the
last date in any of them. Each error names the first fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from rbtlive.data.bars.minute_bars import HeldMinutes, MinuteBars
from rbtlive.data.calendars.calendar import TradingCalendar
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.data.calendars.reach import calendar_through
from rbtlive.data.checking.corporate import (
    Dividend,
    Split,
    Table,
    make_assets,
    make_dividends,
    make_splits,
    read_assets,
    read_dividends,
    read_splits,
)
from rbtlive.data.checking.listing_dates import indexed, listing
from rbtlive.data.checking.scanning import Survey, store, survey
from rbtlive.data.checking.schema import (
    TypedBars,
    daily_frame,
    distinct_symbols,
    minute_frame,
    typed_bars,
)
from rbtlive.data.columns.keyed import PortalColumns, parted
from rbtlive.model.asset import Equity
from rbtlive.model.interval import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalParts:
    """The contents of a portal, which documents them under the same names.

    Attributes:
        daily: The daily bars; None if there are only minute bars in memory.
        ends_given: Symbols of the assets with a given end date.
    """

    calendar: TradingCalendar
    assets: tuple[Equity, ...]
    daily: pl.DataFrame | None
    minutes: MinuteBars | None
    further: PortalColumns
    splits: tuple[Split, ...]
    dividends: tuple[Dividend, ...]
    first_session: int
    last_session: int
    ends_given: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenParts:
    """The arguments of a portal, each read and checked separately.

    Attributes:
        daily: Daily bars.
        minute: Minute bars in memory.
        on_disk: Minute bars that are not loaded into memory.
        assets: The table of assets.
        splits: Splits.
        dividends: Dividends.
    """

    daily: TypedBars | None
    minute: TypedBars | None
    on_disk: Survey | None
    assets: Table | None
    splits: Table | None
    dividends: Table | None

    @classmethod
    def read(
        cls,
        bars: object,
        minute_bars: object,
        *,
        in_memory: bool | None,
        assets: object,
        splits: object,
        dividends: object,
    ) -> GivenParts:
        """Read and check a portal's arguments.

        Raises:
            DataError: a part is invalid on its own.
        """
        daily = None if bars is None else typed_bars(bars, what="bars")
        seen = None if minute_bars is None else survey(minute_bars, in_memory=in_memory)
        held = minute_bars is not None and not seen
        return cls(
            daily=daily,
            minute=typed_bars(minute_bars, what="minute_bars") if held else None,
            on_disk=seen,
            assets=None if assets is None else read_assets(assets),
            splits=None if splits is None else read_splits(splits),
            dividends=None if dividends is None else read_dividends(dividends),
        )

    def fitted(self, calendar: str, interval: Interval, *, asset_class: str | None) -> PortalParts:
        """Return the parts, fitted to a calendar.

        Args:
            calendar: The calendar's name.
            interval: Length of the bars.
            asset_class: Class of all assets without a given class.

        Raises:
            DataError: the parts do not fit the calendar, or one another.
        """
        days = self._calendar(calendar, interval)
        grid = BarGrid(days, interval)
        stored = None if self.on_disk is None else store(self.on_disk, grid=grid)
        symbols = _symbols(self.daily, self.minute)
        code = {symbol: number for number, symbol in enumerate(symbols)}
        frames: list[tuple[pl.DataFrame, Sequence[str]]] = []
        if self.daily is not None:
            frames.append((daily_frame(self.daily, calendar=days, asset_of=code), symbols))
        if self.minute is not None:
            frames.append((minute_frame(self.minute, grid=grid, asset_of=code), symbols))
        if stored is not None:
            frames.append((stored.daily, stored.symbols))

        life = listing(frames, days)
        made = make_assets(self.assets, life, exchange=days.name, asset_class=asset_class)
        index = {asset.symbol: asset.index for asset in made}
        numbered = [indexed(frame, _places(names, index)) for frame, names in frames]
        found = [part.found for part in (self.daily, self.minute) if part is not None]
        beside = () if self.on_disk is None else self.on_disk.further
        numbered, further = parted(numbered, found, on_disk=beside)
        minutes: MinuteBars | None = None if self.minute is None else HeldMinutes(numbered[-1])
        if stored is not None:
            stored.number(_places(stored.symbols, index))
            minutes = stored
        return PortalParts(
            calendar=days,
            assets=made,
            daily=numbered[0] if self.daily is not None or stored is not None else None,
            minutes=minutes,
            further=further,
            splits=make_splits(self.splits, index=index, calendar=days),
            dividends=make_dividends(self.dividends, index=index, calendar=days),
            first_session=min(int(frame["session"][0]) for frame in numbered),
            last_session=max(int(frame["session"][-1]) for frame in numbered),
            ends_given=_with_ends(self.assets),
        )

    # If a calendar cannot be computed far enough, the rows beyond it are the fault; a
    # later check names them.
    def _calendar(self, name: str, interval: Interval) -> TradingCalendar:
        parts: Iterable[TypedBars | Survey | Table | None] = (
            self.daily,
            self.minute,
            self.on_disk,
            self.splits,
            self.dividends,
        )
        ends = [part.last_date() for part in parts if part is not None]
        last = max((day for day in ends if day is not None), default=date.min)
        return calendar_through(name, last, interval)


# A symbol whose bars were all left out has neither an asset nor rows.
def _places(symbols: Sequence[str], index: dict[str, int]) -> list[int]:
    return [index.get(symbol, -1) for symbol in symbols]


def _symbols(*bars: TypedBars | None) -> list[str]:
    names: set[str] = set()
    for one in bars:
        if one is not None:
            names.update(distinct_symbols(one.frame["symbol"]))
    return sorted(names)


# The assets with a given end date.
def _with_ends(assets: Table | None) -> frozenset[str]:
    rows = [] if assets is None else assets.rows()
    return frozenset(row["symbol"] for row in rows if row.get("end_date") is not None)
