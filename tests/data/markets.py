"""Small markets: a price a session or minute, and a driver that moves the cursor as a
run does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from rbtlive.core.shown.bar_data import BarData
from rbtlive.core.shown.presenter import get_presenter
from rbtlive.data.bars.market import Market
from rbtlive.data.calendars.calendar import get_calendar, us_of
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.bar import Bar

NAMES = (
    "2017-01-03",
    "2017-01-04",
    "2017-01-05",
    "2017-01-06",
    "2017-01-09",
    "2017-01-10",
    "2017-01-11",
    "2017-01-12",
)
DAYS = tuple(date.fromisoformat(name) for name in NAMES)
"""Eight sessions of New York in a row."""

FIRST = get_calendar("XNYS").number(DAYS[0])
"""Number of the first of them."""

Price = float | None | tuple[float, float]


def row_of(stamp: object, symbol: str, price: Price) -> tuple[Any, ...] | None:
    """Return a bar: open half below, high one above, low one below the close, volume
    100 by default; None if it is missing.
    """
    if price is None:
        return None
    close, volume = price if isinstance(price, tuple) else (price, 100.0)
    return (stamp, symbol, close - 0.5, close + 1, close - 1, close, volume)


def bars(prices: Mapping[str, Sequence[Price]], stamps: Sequence[object] = DAYS) -> pl.DataFrame:
    """Return long-form bars, one a stamp and symbol, left out where the price is None."""
    rows = [
        row_of(stamp, symbol, price)
        for symbol, line in prices.items()
        for stamp, price in zip(stamps, line, strict=False)
    ]
    key = "timestamp" if isinstance(stamps[0], datetime) else "date"
    names = [key, "symbol", "open", "high", "low", "close", "volume"]
    return pl.DataFrame([row for row in rows if row], schema=names, orient="row")


def minute_stamps(day: date, count: int) -> list[datetime]:
    """Return the ENDs of a session's first minutes."""
    opens = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
    return [opens + timedelta(minutes=number) for number in range(1, count + 1)]


def splits(*rows: tuple[str, date, float]) -> pl.DataFrame:
    """Return a frame of splits."""
    return pl.DataFrame(rows, schema=["symbol", "effective_date", "ratio"], orient="row")


def dividends(*rows: tuple[str, date, float]) -> pl.DataFrame:
    """Return a frame of dividends paid on their ex date."""
    return pl.DataFrame(
        [(symbol, day, day, amount) for symbol, day, amount in rows],
        schema=["symbol", "ex_date", "pay_date", "amount"],
        orient="row",
    )


class Run:
    """A market that moves as the core moves it, all bars loaded or, if `live`, one
    slice after the other.

    Attributes:
        market: The market.
        data: What a strategy would be handed.
    """

    def __init__(
        self,
        portal: PolarsDataPortal,
        *,
        frequency: Any = "1d",
        start: int = 0,
        last: int = 7,
        live: bool = False,
        frames: str = "polars",
        loose_names: bool = False,
        restricted: Sequence[str] = (),
        **flags: bool,
    ) -> None:
        self.portal, self.frequency, self.live = portal, frequency, live
        self.market = Market(
            portal,
            frequency=frequency,
            first_session=FIRST + start,
            last_session=FIRST + last,
            preload=not live,
            **flags,
        )
        self.frames = get_presenter(frames)
        self.data = BarData(
            self.market,
            self.frames,
            restrictions=lambda asset, _now: asset.symbol in restricted,
            loose_names=loose_names,
        )
        self.day = start - 1

    def asset(self, symbol: str) -> Any:
        """Return the asset a strategy would be handed."""
        return self.frames.present_asset(self.portal.asset(symbol))

    def to_morning(self, day: int) -> None:
        """Go to `before_trading_start` of a day, through all bars before it."""
        while self.day < day - 1:
            self.to_bar(self.day + 1)
        self.market.open_session(FIRST + day)
        if self.live and self.frequency == "1d":
            self._append(self._closes(day)[0])
        self.market.before_trading_start(FIRST + day)

    def to_bar(self, day: int, minute: int | None = None) -> None:
        """Go to the close of a day, or to its minute number `minute`, counted from 0."""
        while self.day < day - 1:
            self.to_bar(self.day + 1)
        calendar, session = self.market.calendar, FIRST + day
        self.market.open_session(session)
        ends = (
            self._closes(day) if self.frequency == "1d" else calendar.minutes_us(session).tolist()
        )
        for us in ends if minute is None else ends[: minute + 1]:
            row = self._append(us) if self.live else self.market.table.row_of(us, session)
            self.market.advance(row)
        if minute is None:
            self.market.end_session(session)
            self.day = day

    def _closes(self, day: int) -> list[int]:
        return [int(self.market.calendar.closes_us[FIRST + day])]

    def _append(self, us: int) -> int:
        table, session = self.market.table, self.market.calendar.session_of_us(us)
        if table.row_of(us, session) >= 0:
            return table.row_of(us, session)
        return self.market.append_slice(us, self._slice(us, session))

    def _slice(self, us: int, session: int) -> dict[str, Bar]:
        if self.frequency == "1d":
            found = self.portal.daily.filter(pl.col("session") == session)
        else:
            assert self.portal.minute is not None
            found = self.portal.minute.filter(pl.col("us") == us)
        stamp = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
        assert us_of(stamp) == us
        return {
            self.portal.assets[bar["asset"]].symbol: Bar(
                symbol=self.portal.assets[bar["asset"]].symbol,
                timestamp=stamp,
                **{
                    field: Decimal(str(bar[field]))
                    for field in ("open", "high", "low", "close", "volume")
                },
            )
            for bar in found.iter_rows(named=True)
        }
