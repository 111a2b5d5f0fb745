"""Bars from Alpaca's archive as a portal.

The rule: intraday bars are built from the calendar's minutes, longer ones from days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from rbtlive.brokers.alpaca_bars import archived_bars, floats_of, moment_of
from rbtlive.brokers.alpaca_http import AlpacaHttp
from rbtlive.brokers.alpaca_places import DataPlace
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.bar import OHLCV
from rbtlive.model.interval import DAY, MINUTE, Interval

_SCHEMA: Final[dict[str, Any]] = {"symbol": pl.String} | dict.fromkeys(OHLCV, pl.Float64)


async def portal_of_archive(
    http: AlpacaHttp,
    symbols: Sequence[str],
    *,
    interval: Interval,
    between: tuple[datetime | date | str, datetime | date | str | None],
    place: DataPlace,
    calendar: str,
) -> PolarsDataPortal:
    """Return the bars of some symbols.

    Args:
        http: The data address.
        symbols: The symbols to fetch.
        interval: Length of the bars.
        between: The first day or moment, and the last; None means the latest available.
        place: Where the archive holds their bars.
        calendar: The calendar of the sessions.

    Raises:
        BrokerError: they could not be fetched.
        DataError: the bars are not usable, or there are none.
    """
    base = MINUTE if interval.intraday else DAY
    start, end = between
    bars = await archived_bars(
        http,
        symbols,
        interval=base,
        start=moment_of(start, "start"),
        end=None if end is None else moment_of(end, "end", last=True),
        place=place,
    )
    if base.intraday:
        axis = SlotAxis(get_calendar(calendar), frequency=base)
        bars = [bar for bar in bars if axis.slot_of(bar["timestamp"]) is not None]
    stamp, kind = ("timestamp", pl.Datetime("us", "UTC")) if base.intraday else ("date", pl.Date)
    rows = [
        {stamp if name == "timestamp" else name: value for name, value in bar.items()}
        for bar in bars
    ]
    frame = pl.DataFrame([floats_of(row) for row in rows], schema={stamp: kind} | _SCHEMA)
    return PolarsDataPortal.coerce(frame, frequency=base, calendar=calendar).at(interval)
