"""Match a source's times to an exchange's calendar: interval, zone, and which end of a
bar they stamp.

The rule: a reading is accepted only if the calendar confirms it and no other; if it
confirms several, the user is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from rbtlive.data.calendars.calendar import Micros, TradingCalendar
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.data.reading.tables import Labels
from rbtlive.data.reading.timestamps import in_zone, to_utc
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.interval import DAY, DAY_US, MINUTE_US, MONTH, WEEK, Interval

LOSS: Final = 0.01
"""From this share of rows on, leaving them out is an error."""

HOUR_US: Final = 60 * MINUTE_US

_EXTENDED: Final = (4 * HOUR_US, 20 * HOUR_US)
"""Extended hours of New York's exchanges, before and after the session. Source:
nyse.com, "Holidays & Trading Hours"; vendors' minute bars cover them.
"""

ZONES: Final = (
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "Europe/London",
    "Europe/Berlin",
    "Asia/Tokyo",
    "Asia/Hong_Kong",
    "Asia/Kolkata",
    "Australia/Sydney",
    "Etc/GMT+5",
    "Etc/GMT-8",
)
"""Zones that a message may suggest; only UTC and the exchange's own are used without
asking.
"""


def usual_step(us: Micros, codes: NDArray[np.int32]) -> int:
    """Return the most frequent distance between the bars of a symbol, in µs; 0 if no
    symbol has two.
    """
    if len(us) < 2:
        return 0
    us = us[: len(codes)]  # any stretch of rows shows it
    if codes.any() or not (us[1:] > us[:-1]).all():
        order = np.lexsort((us, codes))
        us, codes = us[order], codes[order]
    apart = np.diff(us)
    steps = apart[(np.diff(codes) == 0) & (apart > 0)]
    if not len(steps):
        return 0
    if 2 * np.count_nonzero(steps == steps[0]) > len(steps):  # most of them: no other is
        return int(steps[0])
    values, counts = np.unique(steps, return_counts=True)
    return int(values[counts.argmax()])


def goes_round_the_clock(us: Micros, step_us: int) -> bool:
    """Say whether bars are spread over all hours of the day, on more than one day."""
    of_day = len(np.unique(us % DAY_US)) * step_us
    return of_day >= 0.9 * DAY_US and int(us.max() - us.min()) > DAY_US


def interval_of_step(step_us: int) -> Interval | None:
    """Return the interval of bars that are usually this far apart; None if there is no
    such interval.
    """
    days = step_us / DAY_US
    if days >= 0.8:
        if days < 4.5:
            return DAY
        if days < 10:
            return WEEK
        return MONTH if 25 < days < 35 else None
    if step_us < MINUTE_US or step_us % MINUTE_US:
        return None
    return Interval("minute", step_us // MINUTE_US)


@dataclass(frozen=True)
class Reading:
    """One way of reading intraday times.

    Attributes:
        zone: Their time zone.
        labels: Which end of a bar they stamp.
        ends_us: The bars' ENDs, µs UTC, one per distinct time; -1 for a time that is
            not a bar of the calendar.
        misfits: Number of the latter.
        after_hours: Number of misfits in the exchange's extended hours.
    """

    zone: str
    labels: Labels
    ends_us: Micros
    misfits: int
    after_hours: int

    @property
    def unexplained(self) -> int:
        """Number of times neither in a session nor in its extended hours."""
        return self.misfits - self.after_hours


def readings(us: Micros, *, zones: tuple[str, ...], aware: bool, grid: BarGrid) -> list[Reading]:
    """Return all ways of reading distinct times on a calendar: each zone, start and
    end.

    Args:
        us: Distinct wall-clock times, or UTC if `aware`.
        zones: Their possible time zones.
        aware: Whether they are UTC.
        grid: The calendar's bars.
    """

    def read(zone: str, utc: Micros, labels: Labels) -> Reading:
        ends = ends_of(utc, grid, labels)
        found = _reading(zone, utc, labels, ends, grid)
        if found.after_hours and not whole_sessions(ends[ends >= 0], grid):
            return replace(found, after_hours=0)
        return found

    return _each_way(read, us, zones=zones, aware=aware)


def clock_readings(
    us: Micros, *, zones: tuple[str, ...], aware: bool, grid: BarGrid
) -> list[Reading]:
    """Return all ways of reading times of bars counted from full hours, on a calendar
    whose bars are counted from the open: each bar is placed at the END of the
    calendar's bar in which it ends, never earlier.

    Args:
        us: Distinct wall-clock times, or UTC if `aware`, ascending.
        zones: Their possible time zones.
        aware: Whether they are UTC.
        grid: The calendar's bars.
    """

    def read(zone: str, utc: Micros, labels: Labels) -> Reading:
        ends = _covering(utc + grid.interval.us * (labels == "start"), grid)
        return _reading(zone, utc, labels, ends, grid)

    return _each_way(read, us, zones=zones, aware=aware)


def _each_way(
    read: Callable[[str, Micros, Labels], Reading],
    us: Micros,
    *,
    zones: tuple[str, ...],
    aware: bool,
) -> list[Reading]:
    labels: tuple[Labels, Labels] = ("start", "end")
    times = ((zone, us if aware else to_utc(us, zone)) for zone in zones)
    return [read(zone, utc, label) for zone, utc in times for label in labels]


def _reading(zone: str, utc: Micros, labels: Labels, ends: Micros, grid: BarGrid) -> Reading:
    out = ends < 0
    extended = int(in_extended_hours(utc[out], grid.calendar).sum())
    return Reading(zone, labels, ends, int(out.sum()), extended)


# The calendar's bar in which each clock bar ends; for one that ends after the close,
# the last bar; -1 outside trading, or if that bar is already taken.
def _covering(clock_ends: Micros, grid: BarGrid) -> Micros:
    calendar = grid.calendar
    begins = clock_ends - grid.interval.us
    session = np.clip(
        np.searchsorted(calendar.closes_us, begins, side="right"), 0, len(calendar) - 1
    ).astype(np.int32)
    inside = (clock_ends > calendar.opens_us[session]) & (begins < calendar.closes_us[session])
    ends = np.full(len(clock_ends), -1, dtype=np.int64)
    at = np.flatnonzero(inside)
    moments = np.minimum(clock_ends[at], calendar.closes_us[session[at]])
    ends[at] = grid.ends_of(moments, session[at])
    taken = np.concatenate([[False], (ends[1:] == ends[:-1]) & (ends[1:] >= 0)])
    ends[taken] = -1
    return ends


def counts_from_full_hours(utc: Micros, grid: BarGrid) -> bool:
    """Say whether bars are counted from full hours, while the calendar's are not."""
    step = min(grid.interval.us, HOUR_US)
    opens = grid.calendar.opens_us[-250:]
    return float((utc % step == 0).mean()) > 0.9 and bool((opens % step != 0).all())


def ends_of(utc: Micros, grid: BarGrid, labels: Labels) -> Micros:
    """Return the END of each bar; -1 if the calendar has no such bar."""
    calendar = grid.calendar
    if labels == "end":
        return np.where(grid.sessions_of_ends(utc) >= 0, utc, -1)
    later = utc + MINUTE_US
    sessions = calendar.sessions_of_minutes(later)
    inside = np.flatnonzero(sessions >= 0)
    ends = np.full(len(utc), -1, dtype=np.int64)
    at, starts = sessions[inside], utc[inside]
    begins = starts == calendar.opens_us[at]
    if calendar.breaks_us is not None:
        begins |= starts == calendar.breaks_us[at, 1]
    begins |= grid.sessions_of_ends(starts) >= 0
    ends[inside] = np.where(begins, grid.ends_of(later[inside], at), -1)
    return ends


def whole_sessions(ends: Micros, grid: BarGrid) -> bool:
    """Say whether bars cover whole sessions: all-day bars are in each session's first
    and last half hour, bars with a clock some hours off are not.
    """
    if not len(ends):
        return False
    calendar = grid.calendar
    sessions = calendar.sessions_of_us(ends)
    half = max(HOUR_US // 2, grid.interval.us)
    first = np.unique(sessions[ends <= calendar.opens_us[sessions] + half])
    last = np.unique(sessions[ends > calendar.closes_us[sessions] - half])
    return min(len(first), len(last)) >= 0.8 * len(np.unique(sessions))


def in_extended_hours(utc: Micros, calendar: TradingCalendar) -> NDArray[np.bool_]:
    """Say which moments are in the extended hours of New York's exchanges."""
    if calendar.tz != "America/New_York" or not len(utc):
        return np.zeros(len(utc), dtype=np.bool_)
    wall = in_zone(utc, calendar.tz)
    of_day = wall % DAY_US
    days = (wall // DAY_US).astype("datetime64[D]")
    on_session = calendar.sessions_of_labels(days) >= 0
    return on_session & (of_day >= _EXTENDED[0]) & (of_day <= _EXTENDED[1])


def best_zone(found: list[Reading], total: int) -> list[Reading]:
    """Return the readings of the only zone that the calendar confirms; if it confirms
    several or none, those that tie.
    """
    allowed = LOSS * total
    zones = list(dict.fromkeys(one.zone for one in found))
    fit = {zone: min(one.misfits for one in found if one.zone == zone) for zone in zones}
    sure = [zone for zone in zones if fit[zone] <= allowed]
    if len(sure) > 1 and len({fit[zone] for zone in sure}) > 1:
        least = min(fit[zone] for zone in sure)
        sure = [zone for zone in sure if fit[zone] == least]
    if not sure:  # vendors' minutes of the whole day
        wide = {zone: min(one.unexplained for one in found if one.zone == zone) for zone in zones}
        sure = [zone for zone in zones if wide[zone] <= allowed and fit[zone] <= 0.7 * total]
    return [one for one in found if one.zone in sure]


def labels_of(found: list[Reading], us: Micros, step_us: int) -> Labels | None:
    """Return which end of a bar the times of one zone stamp; None if both are
    possible.
    """
    by = {one.labels: one for one in found}
    start, end = by["start"], by["end"]
    few, many = sorted((start.misfits, end.misfits))
    better = min(start, end, key=lambda one: one.misfits)
    if few == 0 < many:
        return better.labels
    if better.after_hours:
        return _by_the_edges(us)
    if few == many:
        return by_whole_days(us, step_us)
    return better.labels if many >= 4 * few else None


# Extended hours run from 04:00 to 20:00 New York time; the stamped one shows the end.
def _by_the_edges(utc: Micros) -> Labels | None:
    of_day = in_zone(utc, "America/New_York") % DAY_US
    first, last = bool((of_day == _EXTENDED[0]).any()), bool((of_day == _EXTENDED[1]).any())
    if first != last:
        return "start" if first else "end"
    return None


def by_whole_days(us: Micros, step_us: int) -> Labels | None:
    """Return which end is stamped, if the first and last times of a record of whole
    days or hours show it; otherwise None.
    """
    first, last = int(us.min()), int(us.max())
    for unit in (DAY_US, HOUR_US):
        if step_us >= unit or last - first < unit - step_us:
            continue
        starts = first % unit == 0 and (last + step_us) % unit == 0
        ends = (first - step_us) % unit == 0 and last % unit == 0
        if starts != ends:
            return "start" if starts else "end"
    return None


def likely_zone(us: Micros, *, grid: BarGrid, total: int) -> str | None:
    """Return a zone whose clock would fit the calendar, for a message."""
    for zone in ZONES:
        best = min(one.misfits for one in readings(us, zones=(zone,), aware=False, grid=grid))
        if best <= LOSS * total:
            return zone
    return None


def day_labels(
    us: Micros,
    *,
    zone: str | None,
    tz: str | None,
    calendar: TradingCalendar,
    labels: Labels | None,
) -> list[tuple[str, Micros]]:
    """Return the ways of reading times of daily bars as dates: the zone or rule, and
    the days since 1970. The first is preferred; later ones differ from it.

    Args:
        us: The wall clock in `zone`.
        zone: Its name; None if unknown.
        tz: The zone given by the user.
        calendar: The exchange's.
        labels: Which end of a bar is stamped, if the user says so.
    """
    if zone is None and tz is None:
        return _day_ways([("local midnight", us)], us, calendar, labels, sure=True)
    own = tz or zone or "UTC"
    utc = to_utc(us, zone) if zone else to_utc(us, own)
    wall = us if zone == own else in_zone(utc, own)
    ways = [(own, wall)]
    known = own != "UTC" or _midnights(wall)
    if not known:
        ways = [(name, in_zone(utc, name)) for name in dict.fromkeys((calendar.tz, *ZONES))]
    return _day_ways(ways, utc, calendar, labels, sure=known)


def _midnights(wall: Micros) -> bool:
    return float((wall % DAY_US == 0).mean()) >= 0.9


def _day_ways(
    ways: list[tuple[str, Micros]],
    utc: Micros,
    calendar: TradingCalendar,
    labels: Labels | None,
    *,
    sure: bool,
) -> list[tuple[str, Micros]]:
    shift = 1 if labels == "end" else 0
    found = [(name, wall // DAY_US - shift) for name, wall in ways if _midnights(wall)]
    if not found:
        sessions = calendar.sessions_of_us(utc)
        opened = calendar.sessions_of_us(utc + 1)
        for name, numbers in (("the session's close", sessions), ("its open", opened)):
            if (numbers >= 0).mean() >= 1 - LOSS:
                days = calendar.labels[numbers].astype(np.int64)
                found.append((name, np.where(numbers >= 0, days, -1)))
                break
        else:
            found = [("the date", ways[0][1] // DAY_US)]
            found.append(("the next date", ways[0][1] // DAY_US + 1))
    if sure and len(found) == 1:
        return found
    distinct: list[tuple[str, Micros]] = []
    for name, days in found:
        if all((days != other).any() for _, other in distinct):
            distinct.append((name, days))
    fits = [
        one
        for one in distinct
        if (calendar.sessions_of_labels(one[1].astype("datetime64[D]")) >= 0).mean() >= 1 - LOSS
    ]
    return fits or distinct[:1]
