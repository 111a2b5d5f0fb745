"""The bars that a run saw of its traded assets: for excursions, price charts,
capacity.

The rule: bars are raw, as traded; missing bars are left out. They are read from the
run's own source, and only a result that leaves its process contains some of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import polars as pl

from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.bar import OHLCV

if TYPE_CHECKING:
    from rbtlive.core.state.record import RunRecord
    from rbtlive.data.bars.market import Market
    from rbtlive.data.portal import PolarsDataPortal


KEPT_ROWS = 250_000
"""Maximum number of bars in a result that is sent to another process or saved, over all
symbols.
"""


class SymbolBars(NamedTuple):
    """Bars of one symbol, oldest first.

    Attributes:
        us: END of each bar, µs UTC.
        open: Prices, and so on.
        volume: Shares.
    """

    us: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def between(self, first_us: int, last_us: int) -> SymbolBars:
        """Return the bars that end after `first_us`, and not after `last_us`."""
        low, high = np.searchsorted(self.us, (first_us, last_us), side="right").tolist()
        us, *prices = self
        return SymbolBars(us[low:high], *(column[low:high] for column in prices))


def no_bars() -> SymbolBars:
    """Return bars of a symbol that has none."""
    return bars_of_columns({"us": (), **dict.fromkeys(OHLCV, ())})


class RunBars(Protocol):
    """Provides the bars of a run."""

    def of(self, symbol: str) -> SymbolBars:
        """Return the bars of a symbol; empty if it is unknown."""
        ...

    def splits(self, symbol: str) -> list[tuple[int, float]]:
        """Return the splits of a symbol: when they took effect (µs UTC) and their
        ratios.
        """
        ...


class _ReadBySymbol:
    def __repr__(self) -> str:
        return f'{type(self).__name__}: of("AAPL") returns the bars of a symbol'


class KeptBars(_ReadBySymbol):
    """Bars held in memory, of a result that was loaded or came from another process.

    Attributes:
        by_symbol: The bars.
        all_splits: Time and ratio of each split, by symbol.
    """

    def __init__(
        self,
        bars: Mapping[str, SymbolBars] | None = None,
        splits: Mapping[str, list[tuple[int, float]]] | None = None,
    ) -> None:
        self.by_symbol = dict(bars or {})
        self.all_splits = dict(splits or {})

    def of(self, symbol: str) -> SymbolBars:
        """Return the bars of a symbol; empty if they were not kept."""
        return self.by_symbol.get(symbol) or no_bars()

    def splits(self, symbol: str) -> list[tuple[int, float]]:
        """Return the splits of a symbol."""
        return self.all_splits.get(symbol, [])


class MarketBars(_ReadBySymbol):
    """Bars from the market of a run in this process, read on request.

    Args:
        market: Returns the market.
    """

    def __init__(self, market: Callable[[], Market]) -> None:
        self._market = market
        self._read: dict[str, SymbolBars] = {}

    def of(self, symbol: str) -> SymbolBars:
        """Return the bars of a symbol that the market holds."""
        found = self._read.get(symbol)
        if found is None:
            found = self._read[symbol] = _of_table(self._market(), symbol)
        return found

    def splits(self, symbol: str) -> list[tuple[int, float]]:
        """Return the splits of a symbol that the market knows."""
        return _splits_of(self._market().portal, symbol)


class PortalBars(_ReadBySymbol):
    """Bars from a portal, read on request.

    Args:
        portal: Returns the portal.
        intraday: Whether the run's bars are shorter than a session.
    """

    def __init__(self, portal: Callable[[], PolarsDataPortal], *, intraday: bool) -> None:
        self._portal = portal
        self._intraday = intraday
        self._read: dict[str, SymbolBars] = {}

    def of(self, symbol: str) -> SymbolBars:
        """Return the bars of a symbol that the portal has."""
        found = self._read.get(symbol)
        if found is None:
            found = self._read[symbol] = self._of(symbol)
        return found

    def splits(self, symbol: str) -> list[tuple[int, float]]:
        """Return the splits of a symbol that the portal knows."""
        return _splits_of(self._portal(), symbol)

    def _of(self, symbol: str) -> SymbolBars:
        portal = self._portal()
        place = next((a.index for a in portal.assets if a.symbol == symbol), None)
        bars = portal.minute if self._intraday else portal.daily
        if place is None or bars is None:
            return no_bars()
        bars = bars.filter((pl.col("asset") == place) & pl.col("close").is_not_nan())
        if self._intraday:
            us = bars["us"].to_numpy()
        else:
            us = portal.calendar.closes_us[bars["session"].to_numpy()]
        return bars_of_columns({"us": us, **{name: bars[name].to_numpy() for name in OHLCV}})


def _splits_of(portal: PolarsDataPortal, symbol: str) -> list[tuple[int, float]]:
    opens_us = portal.calendar.opens_us
    place = next((a.index for a in portal.assets if a.symbol == symbol), None)
    return [
        (int(opens_us[split.session]), float(split.ratio))
        for split in portal.splits
        if split.asset == place
    ]


def _of_table(market: Market, symbol: str) -> SymbolBars:
    table = market.table
    place = next((a.index for a in market.assets if a.symbol == symbol), None)
    if place is None or not table.rows:
        return no_bars()
    low = table.base
    columns = [np.asarray(table.column(place, f, low, table.rows)) for f in OHLCV]
    us = np.asarray(table.row_us)[low:]
    known = ~np.isnan(columns[3])
    return SymbolBars(us[known].astype(np.int64), *(column[known] for column in columns))


def traded_symbols(record: RunRecord) -> list[str]:
    """Return the symbols that a run traded, those with most fills first."""
    counts: dict[str, int] = {}
    for fill in record.transactions:
        counts[fill.asset.symbol] = counts.get(fill.asset.symbol, 0) + 1
    return sorted(counts, key=lambda symbol: (-counts[symbol], symbol))


def kept_bars(record: RunRecord, bars: RunBars | None) -> KeptBars:
    """Return the bars to save with a result: of traded assets, within the run, at most
    `KEPT_ROWS` in total.
    """
    if bars is None or not record.sessions:
        return KeptBars()
    first = us_of(record.sessions[0].open) - 1
    last = us_of(record.sessions[-1].close)
    kept: dict[str, SymbolBars] = {}
    room = KEPT_ROWS
    for symbol in traded_symbols(record):
        part = bars.of(symbol).between(first, last)
        if len(part.us) <= room:
            kept[symbol] = part
            room -= len(part.us)
    return KeptBars(kept, {symbol: bars.splits(symbol) for symbol in kept})


def bars_of_columns(columns: Mapping[str, Any]) -> SymbolBars:
    """Return bars from columns `us`, `open`, `high`, `low`, `close`, `volume`."""
    return SymbolBars(
        np.asarray(columns["us"], dtype=np.int64),
        *(np.asarray(columns[name], dtype=np.float64) for name in OHLCV),
    )
