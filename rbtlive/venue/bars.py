"""The venue's market: recorded bars behind a cursor, and the data that a client may
see.

The rule: no data after the cursor is ever sent, traded on or counted.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import polars as pl

from rbtlive.core.shown.bar_data import BarData
from rbtlive.core.shown.presenter import get_presenter
from rbtlive.data.bars.market import Market
from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import InvalidSetting
from rbtlive.model.arrays import np
from rbtlive.model.asset import Asset
from rbtlive.model.interval import MINUTE_US
from rbtlive.model.number import to_decimal

Frequency = Literal["1d", "1m"]


@dataclass(frozen=True, slots=True)
class Print:
    """One bar of one asset, as a data service reports it.

    Attributes:
        symbol: Ticker.
        start: When the bar began, UTC: a minute's first second, or midnight of a
            session's date, in New York for shares and in UTC for pairs.
        end_us: When it ended, µs UTC.
        open: First price; high, low and close likewise.
        volume: Shares.
    """

    symbol: str
    start: datetime
    end_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class VenueMarket:
    """Recorded bars, a slice at a time.

    Args:
        portal: The bars.
        frequency: Length of a slice: "1d" or "1m".
        start: Label of the first session; earlier bars are history. None is the first
            with bars.
        end: Label of the last session; None is the last with bars.
        lot_size: Smallest tradable amount of every asset.

    Attributes:
        session: Number of the session the cursor is in.
        now_us: END of the slice the cursor is at, µs UTC.

    Raises:
        InvalidSetting: no slice is between start and end.
    """

    def __init__(
        self,
        portal: PolarsDataPortal,
        *,
        frequency: Frequency,
        start: date | None = None,
        end: date | None = None,
        lot_size: Decimal,
    ) -> None:
        self.portal = portal
        self.frequency: Frequency = frequency
        self.calendar = calendar = portal.calendar
        first = portal.first_session if start is None else calendar.at_or_after(start)
        last = portal.last_session if end is None else calendar.at_or_before(end)
        if first > last:
            raise InvalidSetting(
                f"start must not lie after end: sessions from {calendar.label(first)} to "
                f"{calendar.label(last)} were "
                f"asked for; the bars reach from {calendar.label(portal.first_session)} to "
                f"{calendar.label(portal.last_session)}"
            )
        self._market = Market(
            _in_lots(portal, lot_size),
            frequency=frequency,
            first_session=first,
            last_session=last,
            preload=True,
        )
        self.assets: tuple[Asset, ...] = tuple(self._market.assets)
        self.by_symbol = {asset.symbol: asset for asset in self.assets}
        self.data = BarData(
            self._market, get_presenter("polars"), restrictions=lambda _asset, _now: False
        )
        table = self._market.table
        self._row = table.rows_of_session(first)[0] - 1
        self._last_row = table.rows_of_session(last)[1] - 1
        self.session = first
        self.session_is_new = False
        self.now_us = us_of(calendar.open(first))

    @property
    def next_end_us(self) -> int | None:
        """END of the next slice, µs UTC; None after the last."""
        return int(self._market.table.row_us[self._row + 1]) if self._row < self._last_row else None

    def step(self) -> None:
        """Move to the next slice; then `session_is_new` says whether it began a
        session.
        """
        market = self._market
        self._row += 1
        session = int(market.table.session_at(self._row))
        self.session_is_new = session != market.session
        if self.session_is_new:
            market.open_session(session)
            self.session = session
        market.advance(self._row)
        self.now_us = market.now_us

    @property
    def session_is_over(self) -> bool:
        """Whether the slice at the cursor is its session's last."""
        return self.now_us >= int(self.calendar.closes_us[self.session])

    def announce_split(self, symbol: str, ratio: Decimal) -> None:
        """Announce a split of an asset in the session after the cursor's."""
        index = self.by_symbol[symbol].index
        self._market.add_split(index, self.session + 1, ratio, of_books=True)

    def known_splits(self) -> list[tuple[Asset, int, Decimal]]:
        """Return the announced splits: asset, session and ratio, 0.5 is two for one."""
        return [
            (self.assets[index], session, ratio)
            for (index, session), ratio in self._market.known_splits.items()
        ]

    def rename(self, symbol: str, new_symbol: str) -> None:
        """Rename an asset from now on, including its recorded bars."""
        asset = self.by_symbol.pop(symbol)
        # The asset is this venue's own copy: everything that references it sees its new
        # name.
        object.__setattr__(asset, "symbol", new_symbol)
        self.by_symbol[new_symbol] = asset

    def price(self, asset: Asset) -> Decimal | None:
        """Return the last known price of an asset; None before the first."""
        price = self._market.price(asset.index)
        return None if np.isnan(price) else to_decimal(price)

    def close(self, index: int) -> float:
        """Return the close at the cursor by asset index, NaN if there is none."""
        return self._market.close(index)

    def prints(self) -> list[Print]:
        """Return the bars of the slice at the cursor, in the order of their assets;
        assets that did not trade have none.
        """
        market = self._market
        found = []
        for asset in self.assets:
            values = [
                read(asset.index)
                for read in (market.open_, market.high, market.low, market.close, market.volume)
            ]
            if not np.isnan(values[3]):
                found.append(
                    Print(asset.symbol, self._start(asset), self.now_us, *map(float, values))
                )
        return found

    def day_prints(self) -> list[Print]:
        """Return the daily bars of the cursor's session, after it has ended."""
        return self._known("1d", session=self.session)

    def history(
        self,
        symbols: list[str],
        *,
        frequency: Frequency,
        start: datetime | None,
        end: datetime | None,
    ) -> list[Print]:
        """Return the finished bars that began between `start` and `end`, sorted by
        symbol, then time.
        """
        wanted = set(symbols)
        return [
            p
            for p in self._known(frequency, wanted)
            if (start is None or p.start >= start) and (end is None or p.start <= end)
        ]

    def latest(self, symbol: str) -> Print | None:
        """Return the last finished bar of one asset."""
        known = self._known(self.frequency, {symbol})
        return known[-1] if known else None

    def splits(self) -> list[tuple[Asset, Decimal]]:
        """Return the splits that take effect in the cursor's session: asset and ratio,
        0.5 is two for one.
        """
        return [
            (self.assets[split.asset], split.ratio)
            for split in self._market.splits_at(self.session)
        ]

    def dividends(self) -> list[tuple[Asset, Decimal, int | None]]:
        """Return the dividends whose ex date is in the cursor's session: asset, money
        per share, session of payment.
        """
        return [
            (self.assets[one.asset], one.amount, one.pay_session)
            for one in self._market.dividends_ex_at(self.session)
        ]

    def _known(
        self, frequency: Frequency, symbols: set[str] | None = None, *, session: int | None = None
    ) -> list[Print]:
        frame = self.portal.daily if frequency == "1d" else self.portal.minute
        if frame is None:
            return []
        closes = self.calendar.closes_us
        if frequency == "1d":
            reach = int(np.searchsorted(closes, self.now_us, side="right"))
            frame = frame.filter(pl.col("session") < reach)
        else:
            frame = frame.filter(pl.col("us") <= self.now_us)
        if session is not None:
            frame = frame.filter(pl.col("session") == session)
        if symbols is not None:
            wanted = [asset.index for asset in self.assets if asset.symbol in symbols]
            frame = frame.filter(pl.col("asset").is_in(wanted))
        frame = frame.filter(pl.col("close").is_not_nan())
        return [
            self._print(row, frequency)
            for row in frame.sort("asset", frame.columns[0]).iter_rows(named=True)
        ]

    def _print(self, row: dict[str, Any], frequency: Frequency) -> Print:
        symbol = self.assets[row["asset"]].symbol
        if frequency == "1d":
            end_us = int(self.calendar.closes_us[row["session"]])
            start = _midnight(self.calendar.label(row["session"]), symbol)
        else:
            end_us = int(row["us"])
            start = datetime_of(end_us - MINUTE_US)
        return Print(
            symbol, start, end_us, row["open"], row["high"], row["low"], row["close"], row["volume"]
        )

    def _start(self, asset: Asset) -> datetime:
        if self.frequency == "1m":
            return datetime_of(self.now_us - MINUTE_US)
        return _midnight(self.calendar.label(self.session), asset.symbol)


def _in_lots(portal: PolarsDataPortal, lot_size: Decimal) -> PolarsDataPortal:
    # The same bars, for assets that trade in the venue's lots.
    traded = copy.copy(portal)
    traded.assets = tuple(replace(asset, lot_size=lot_size) for asset in portal.assets)
    return traded


# The wire's stamp of a daily bar: midnight in New York, for pairs midnight UTC.
def _midnight(label: date, symbol: str) -> datetime:
    zone = ZoneInfo("UTC" if "/" in symbol else "America/New_York")
    return datetime.combine(label, time(), zone).astimezone(ZoneInfo("UTC"))
