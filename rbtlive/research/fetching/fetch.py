"""`fetch`: request missing bars from a vendor, store them, and return a portal.

The rule: stored days are never requested again; if the vendor cannot be reached, the
stored bars are used.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import polars as pl

from rbtlive.data.calendars.calendar import as_label
from rbtlive.data.catalog.shelved_bars import portal_of
from rbtlive.data.catalog.shelves import Shelf, catalog_folder, day_of
from rbtlive.data.foreign_attributes import FETCH_ARGUMENTS
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import InvalidSetting
from rbtlive.model.calls import warn_user
from rbtlive.model.given import DateLike
from rbtlive.model.interval import MONTH, WEEK, Interval
from rbtlive.model.other_names import teaches_names
from rbtlive.research.fetching.vendors import Ask, vendor_named
from rbtlive.runtime.clock import Clock, SystemClock


@teaches_names(FETCH_ARGUMENTS)
def fetch(
    vendor: str,
    symbols: str | Iterable[str],
    start: DateLike,
    end: DateLike | None = None,
    interval: str = "1d",
    *,
    refresh: bool = False,
    clock: Clock | None = None,
) -> PolarsDataPortal:
    """Return a vendor's bars as a portal; bars fetched before are read from disk.

    Bars are stored as Parquet by symbol, interval and month, with the source, time,
    arguments and checksum of each file; `rbt.catalog()` lists them.

    Args:
        vendor: "yfinance", "alpaca", "stooq" or "ccxt:EXCHANGE", e.g. "ccxt:binance";
            each uses its own library, an extra of this package.
        symbols: One or several symbols, as the vendor writes them.
        start: First day.
        end: Last day, included. Default: yesterday.
        interval: Length of the bars, e.g. "1d" or "5m".
        refresh: Request everything again.
        clock: Provides the current day; tests pass their own.

    Raises:
        FetchFailed: the vendor refused or could not be reached, and the days are not on
            disk.
        EmptyData: the vendor has no such bars.
        MissingExtra: the vendor's library is not installed.
        BadFrequency: the vendor does not have bars of this length.
        DataError: the vendor's answer cannot be read.
    """
    wanted = Interval.parse(interval, name="interval")
    several = list(symbols) if isinstance(symbols, Iterable) else []
    names = [symbols] if isinstance(symbols, str) else several
    if not names or not all(isinstance(name, str) and name for name in names):
        raise InvalidSetting(
            f'symbols must be text, e.g. "AAPL" or ["AAPL", "MSFT"]: was {symbols!r}'
        )
    now = (clock or SystemClock()).now()
    yesterday = now.date() - timedelta(days=1)
    first = as_label(start, "start")
    last = yesterday if end is None else as_label(end, "end")
    if last < first:
        raise InvalidSetting(f"start must not be after end: was {first} to {last}")
    complete = yesterday
    if wanted.spans_sessions:
        first, last = _whole(first, wanted)[0], _whole(last, wanted)[1]
        complete = _whole(now.date(), wanted)[0] - timedelta(days=1)
    ask = vendor_named(vendor)
    shelves = [Shelf(catalog_folder(), vendor, wanted.text, name) for name in names]
    for shelf in shelves:
        spans = [(first, last)] if refresh else shelf.missing(first, last)
        for span in spans:
            _extend(shelf, ask, span, wanted, now=now, complete=min(span[1], complete))
    portal = portal_of(shelves, first, last)
    there = {asset.symbol for asset in portal.assets}
    if missing := [name for name in names if name not in there]:
        warn_user(
            f"{vendor} has no bars of {', '.join(missing)} from {first} to {last}: the portal is "
            "without them; check the symbols and the dates"
        )
    return portal


# First and last day of the week or month that contains a day.
def _whole(day: date, interval: Interval) -> tuple[date, date]:
    if interval == WEEK:
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=6)
    assert interval == MONTH, interval
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _extend(
    shelf: Shelf, ask: Ask, span: tuple[date, date], interval: Interval, *, now: Any, complete: date
) -> None:
    fetched = ask(shelf.symbol, *span, interval)
    provenance = {
        "source": shelf.vendor,
        "at": now.isoformat(),
        "span": [day.isoformat() for day in span],
        "arguments": {name: str(value) for name, value in fetched.arguments.items()},
        "left_out": {} if fetched.bars is None else dict(fetched.bars.intake.left_out),
    }
    if fetched.bars is None:
        frame, calendar = pl.DataFrame(schema={"date": pl.Date}), shelf.record()["calendar"]
    else:
        frame, calendar = fetched.bars.frame, fetched.bars.placed.calendar
    if complete < span[0]:
        return  # today's bars are incomplete and will be requested again
    keep = frame.filter(day_of(frame) <= complete) if frame.height else frame
    shelf.add(
        keep,
        span=(span[0], complete),
        calendar=calendar,
        provenance=provenance,
        actions=fetched.actions,
    )
