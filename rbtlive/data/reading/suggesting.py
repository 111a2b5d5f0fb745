"""Suggest an exchange, or a time zone, that explains times which the assumed one does
not.

The rule: an explanation is judged by what it leaves unexplained: rows outside the
calendar, and sessions without a row.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rbtlive.data.calendars.calendar import Micros, TradingCalendar, get_calendar
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.data.calendars.reach import calendar_to_us
from rbtlive.data.reading import fit
from rbtlive.data.reading.tables import Labels
from rbtlive.data.reading.timestamps import in_zone, to_utc
from rbtlive.errors import UnknownCalendar
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.interval import DAY_US, MINUTE_US

CALENDARS: Final = ("XNYS", "XLON", "XETR", "XTKS", "XHKG", "CMES", "24/5", "24/7")
"""Calendars that a message may suggest; those that ship with the package come first."""

_FURTHER: Final = (
    "XSHG",
    "XBOM",
    "XTSE",
    "XPAR",
    "XMIL",
    "XSWX",
    "XSTO",
    "BVMF",
    "XASX",
)
"""Further calendars, each of which takes a moment to compute."""

_FX_ZONES: Final = ("UTC", "America/New_York", "Etc/GMT+5", "Europe/Athens", "Europe/Berlin")
"""Time zones of currency vendors: UTC, New York with and without summer time, brokers'
servers (MetaTrader), central Europe.
"""

_FEW_DAYS: Final = 10
_MANY_DAYS: Final = 60
_MANY_SYMBOLS: Final = 100


def calendar_of_dates(labels: NDArray[np.datetime64]) -> str | None:
    """Return the calendar that explains dates best: at most 1 % of the dates are not
    sessions, and the fewest sessions have no date; None if there is none.

    Args:
        labels: Distinct dates.
    """
    best = _best(CALENDARS, labels)
    if best is None or best[0] > fit.LOSS * len(labels):
        further = _best(_FURTHER, labels)
        best = min((one for one in (best, further) if one is not None), default=None)
    return None if best is None else best[1]


def exchange_of_dates(days: Micros, symbols: pl.Series) -> tuple[str, str] | None:
    """Return the calendar that has the dates of all symbols, and a sentence about it;
    None if no calendar has them.

    Bars of several exchanges fit a calendar that has each weekday, unless one of the
    exchanges is open whenever another is.

    Args:
        days: Days since 1970, one per bar.
        symbols: The symbol of each bar.
    """
    found = calendar_of_dates(np.unique(days).astype("datetime64[D]"))
    if found is None:
        return None
    if found != "24/7":
        each = _calendars_of_symbols(days, symbols)
        if len(each) > 1 and found not in each:
            listed = ", ".join(each)
            return "24/5", f"the dates are those of several exchanges ({listed}); 24/5 has them all"
    return found, f"the dates look like {found}'s"


# Symbols with the same dates are of one exchange, and are looked at once.
def _calendars_of_symbols(days: Micros, symbols: pl.Series) -> list[str]:
    bars = pl.DataFrame([pl.Series("day", days), symbols.alias("symbol")])
    dates = bars.group_by("symbol").agg(pl.col("day").unique().sort()).sort("symbol")
    dates = dates.filter(pl.col("day").list.len() >= _MANY_DAYS).unique("day", keep="first")
    found = set()
    for own in dates.sort("symbol").head(_MANY_SYMBOLS)["day"]:
        best = _best(CALENDARS, own.to_numpy().astype("datetime64[D]"))
        if best is not None:
            found.add(best[1])
    return sorted(found)


def _best(names: tuple[str, ...], labels: NDArray[np.datetime64]) -> tuple[int, str] | None:
    best: tuple[int, str] | None = None
    for name in names:
        try:
            calendar = get_calendar(name)
        except UnknownCalendar:  # another release of exchange_calendars
            continue
        if name == "24/7" and not trades_at_weekends(labels.astype(np.int64)):
            continue  # every date is one of its sessions, a stray one too
        out = int((calendar.sessions_of_labels(labels) < 0).sum())
        if out > fit.LOSS * len(labels):
            continue
        inside = (calendar.labels >= labels.min()) & (calendar.labels <= labels.max())
        unused = int(inside.sum()) - len(labels) + out
        if best is None or unused + out < best[0]:
            best = (unused + out, name)
        if best is not None and best[0] == 0:
            break
    return best


def days_after(days: Micros, calendar: TradingCalendar) -> int:
    """Return how many days dates are after the sessions of a calendar: 1 if bars are
    stamped with the midnight that ends them, -1 if midnights of a zone ahead of UTC
    were written as UTC dates; 0 if neither explains them.

    Args:
        days: Days since 1970.
        calendar: The exchange's calendar.
    """
    distinct = np.unique(days)
    if len(distinct) < _FEW_DAYS or calendar.name == "24/7":
        return 0
    for shift in (1, -1):
        labels = (distinct - shift).astype("datetime64[D]")
        if (calendar.sessions_of_labels(labels) < 0).mean() <= fit.LOSS:
            return shift
    return 0


def trades_at_weekends(days: Micros) -> bool:
    """Say whether dates belong to a market without weekends: Saturdays, Sundays and
    Mondays are as frequent as other days.
    """
    weekday = (days + 3) % 7
    shares = [float((weekday == number).mean()) for number in (5, 6, 0)] if len(days) else [0.0]
    return min(shares) > 0.05


def zone_of_currencies(wall: Micros, step_us: int) -> str | None:
    """Return the time zone of currency times, by the start and end of their week:
    Sunday 17:00 to Friday 17:00 in New York; None if they include no end of a week, or
    no zone fits.

    Args:
        wall: Distinct sorted times of bars, at start or end.
        step_us: Length of a bar.

    Source: cmegroup.com, "FX trading hours": the market's day ends at 17:00 New York
    time.
    """
    gaps = np.flatnonzero(np.diff(wall) > 36 * 60 * MINUTE_US)
    if not len(gaps):
        return None
    fits = [name for name in _FX_ZONES if _is_its_week(wall, gaps, name, step_us)]
    return fits[0] if fits else None


def _is_its_week(wall: Micros, gaps: NDArray[np.intp], zone: str, step_us: int) -> bool:
    last = in_zone(to_utc(wall[gaps], zone), "America/New_York")
    first = in_zone(to_utc(wall[gaps + 1], zone), "America/New_York")
    near = 70 * MINUTE_US + step_us  # the first and last minutes are thin
    monday = 4 * DAY_US  # 1970-01-05 was a Monday
    week = 7 * DAY_US
    opens = (first - monday - 6 * DAY_US - 17 * 60 * MINUTE_US) % week
    closes = (monday + 4 * DAY_US + 17 * 60 * MINUTE_US + step_us - last) % week
    usual = (opens <= near) & (closes <= near + step_us)
    return float(usual.mean()) >= 0.75


def likely_cause(
    utc: Micros,
    *,
    grid: BarGrid,
    other: Labels,
    raw: Micros | None = None,
    aware: bool = True,
    length: str | None = None,
) -> tuple[str, dict[str, str]]:
    """Return why times do not fit the bars, and the argument of `rbt.read` that would
    fix it.

    Args:
        utc: Distinct times as interpreted, µs UTC.
        grid: The bars that they do not fit.
        other: The other end of a bar.
        raw: The times as found.
        aware: Whether they were marked as UTC.
        length: Length of the bars, if the user has not given it.
    """
    total = len(utc)
    if (fit.ends_of(utc, grid, other) < 0).mean() <= fit.LOSS:
        return f"the times look stamped at the {other}", {"labels": f'"{other}"'}
    # times that were marked as UTC by mistake
    zone = fit.likely_zone(utc if raw is None else raw, grid=grid, total=total)
    if zone is not None:
        marked = " that was marked as UTC" if aware else ""
        return f"the times look like {zone} time{marked}", {"tz": f'"{zone}"'}
    if fit.goes_round_the_clock(utc, grid.interval.us):
        name = "24/7" if trades_at_weekends((utc - 1) // DAY_US) or total < 150 else "24/5"
        return "the times go round the clock", {"calendar": f'"{name}"'}
    if length is not None and fit.counts_from_full_hours(utc, grid):
        cause = (
            "the bars look counted from full hours, here they are counted from the open; with "
            "interval= each stands at the end of the session's bar that it ends in, never earlier"
        )
        return cause, {"interval": f'"{length}"'} | _end_of_clock_bars(utc, grid)
    weekends = int(utc.max() - utc.min()) > 7 * DAY_US
    for name in [one for one in CALENDARS if weekends or one != "24/5"]:
        if name == grid.calendar.name:
            continue
        there = BarGrid(calendar_to_us(name, int(utc.max()) + DAY_US), grid.interval)
        ways = fit.readings(utc, zones=("UTC",), aware=True, grid=there)
        if min(way.misfits for way in ways) <= fit.LOSS * total:
            return f"the times look like {name}'s hours", {"calendar": f'"{name}"'}
    return "name the exchange and whose clock it is", {"calendar": '"..."', "tz": '"..."'}


# The argument for the end that bars counted from full hours stamp, if both fit.
def _end_of_clock_bars(utc: Micros, grid: BarGrid) -> dict[str, str]:
    found = fit.clock_readings(utc, zones=("UTC",), aware=True, grid=grid)
    both = all(one.unexplained <= fit.LOSS * len(utc) for one in found)
    asked = both and fit.labels_of(found, utc, grid.interval.us) is None
    return {"labels": '"start"'} if asked else {}
