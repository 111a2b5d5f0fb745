"""A portal of bars in the catalog.

The rule: bars of one portal have one calendar and one interval. Daily bars of several
exchanges share a calendar that contains all their days; shorter bars and weeks stay
separate.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from rbtlive.data.catalog.shelves import Shelf, catalog_folder, shelves
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import EmptyData, InvalidSetting
from rbtlive.model.calls import warn_user
from rbtlive.model.interval import DAY, Interval


def portal_of(shelves: Sequence[Shelf], first: date, last: date) -> PolarsDataPortal:
    """Return the bars of some symbols of one vendor and interval.

    Daily bars of several calendars are put on 24/5, or on 24/7 if some trade at
    weekends.

    Raises:
        EmptyData: there are no bars in the span of days, both ends included.
        InvalidSetting: the bars are not daily, and have several calendars.
    """
    interval = Interval.parse(shelves[0].interval)
    frames = [frame for shelf in shelves if (frame := shelf.bars(first, last)) is not None]
    frames = [frame for frame in frames if frame.height]
    if not frames:
        raise EmptyData(
            f"{shelves[0].vendor} has no bars of {', '.join(s.symbol for s in shelves)} "
            f"from {first} "
            f"to {last}; check the symbols and the dates"
        )
    bars = pl.concat(frames)
    calendars = sorted({shelf.record()["calendar"] for shelf in shelves} - {None})
    calendar = calendars[0]
    if len(calendars) > 1:
        if interval != DAY:
            raise InvalidSetting(
                f"symbols of {interval.text} bars must trade on one calendar: were "
                f"{', '.join(calendars)}; fetch them apart, or their days together"
            )
        weekends = bool((bars.to_series(0).dt.weekday() > 5).any())
        calendar = "24/7" if weekends or "24/7" in calendars else "24/5"
        warn_user(
            f"the symbols trade on {', '.join(calendars)}: the portal has all days of {calendar}, "
            "on which a symbol whose exchange is closed has no bar"
        )
    paid = [frame for shelf in shelves if (frame := shelf.actions("dividends")) is not None]
    dividends = pl.concat(paid).filter(pl.col("ex_date").is_between(first, last)) if paid else None
    return PolarsDataPortal(
        None if interval.intraday else bars,
        minute_bars=bars if interval.intraday else None,
        dividends=dividends if dividends is not None and dividends.height else None,
        interval=interval,
        calendar=calendar,
    )


def kept_bundles() -> dict[str, list[Shelf]]:
    """Return the catalog's content by the names that `bundles.load` accepts:
    VENDOR/INTERVAL, e.g. "yfinance/1d" or "ccxt:binance/1h".
    """
    found: dict[str, list[Shelf]] = {}
    for shelf in shelves(catalog_folder()):
        found.setdefault(f"{shelf.vendor}/{shelf.interval}", []).append(shelf)
    return found


def kept_as(name: str) -> list[Shelf]:
    """Return the shelves for a name; a vendor's name alone means its daily bars, or
    those of its only interval. Empty if there are none.

    Raises:
        InvalidSetting: the name could mean several intervals.
    """
    kept = kept_bundles()
    vendors = [one for one in kept if one.rpartition("/")[0] == name]
    if name in kept or f"{name}/{DAY.text}" in kept:
        return kept.get(name) or kept[f"{name}/{DAY.text}"]
    if len(vendors) > 1:
        raise InvalidSetting(
            f"bundle must name the interval where several are kept: was {name!r}; there is "
            f"{', '.join(vendors)}"
        )
    return kept[vendors[0]] if vendors else []


def portal_kept_as(name: str) -> PolarsDataPortal | None:
    """Return the portal for a name in the catalog; None if it has none."""
    shelves = kept_as(name)
    days = [day for shelf in shelves for span in shelf.record()["known"] for day in span]
    if not days:
        return None
    return portal_of(shelves, date.fromisoformat(min(days)), date.fromisoformat(max(days)))
