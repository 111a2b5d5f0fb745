"""Exchange hours: sessions, numbered from the calendar's first, and the minutes in
them.

The rule: times are whole microseconds since 1970 in UTC, a session is open in (open,
close], and its number never changes, however far the calendar is extended.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias, cast

import polars as pl

from rbtlive.data.calendars.exchange_library import (
    FIRST_LABEL,
    LAST_LABEL,
    canonical_name,
    library_sessions,
    library_time_zone,
)
from rbtlive.errors import InvalidSetting, NotASession, OutsideCalendar, UnknownCalendar
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.interval import DAY_US, MINUTE_US

TABLES: Final = {
    "CMES": "CMES",
    "XETR": "XETR",
    "XFRA": "XETR",
    "XHKG": "XHKG",
    "XLON": "XLON",
    "XNYS": "XNYS",
    "XTKS": "XTKS",
}
"""The calendars that ship as tables, and the table that each uses."""

ALIASES: Final = {
    **dict.fromkeys(("ARCX", "BATS", "NASDAQ", "NYSE", "OOTC", "XASE", "XNAS"), "XNYS"),
    **dict.fromkeys(("CBOT", "CME", "COMEX", "NYMEX"), "CMES"),
    "FWB": "XFRA",
    "HKEX": "XHKG",
    "JPX": "XTKS",
    "LSE": "XLON",
}
"""Other names of the calendars that ship as tables; exchange_calendars knows the rest.
"""

_TIME_ZONES: Final = {
    "CMES": "America/Chicago",
    "XETR": "Europe/Berlin",
    "XHKG": "Asia/Hong_Kong",
    "XLON": "Europe/London",
    "XNYS": "America/New_York",
    "XTKS": "Asia/Tokyo",
}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Micros: TypeAlias = "NDArray[np.int64]"

_MANY: Final = 1_000
"""From this many moments on, a table of their sessions pays off."""

_TABLE_MINUTES: Final = 8
"""Maximum minutes of that table per moment: regular hours are every fifth minute of a
year.
"""


def us_of(moment: datetime) -> int:
    """Return microseconds since 1970 of an aware date-time."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def datetime_of(us: int) -> datetime:
    """Return the aware UTC date-time of microseconds since 1970."""
    return _EPOCH + timedelta(0, int(us) // 1_000_000, int(us) % 1_000_000)


def as_label(value: object, name: str) -> date:
    """Return a session label from a date, a date-time or text like "2005-01-03".

    Raises:
        InvalidSetting: it is none of these; `name` is its name in the message.
    """
    if isinstance(value, datetime) and value == value:  # noqa: PLR0124 - pandas' NaT is not equal to itself
        return value.date()
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError:
        raise InvalidSetting(
            f"{name} must be a date or text like '2005-01-03': was {value!r}"
        ) from None


@dataclass(frozen=True, slots=True, eq=False)
class Periods:
    """The additional data of a calendar of weeks or months.

    Attributes:
        whole: The calendar of the sessions they consist of.
        first_labels: Label of the first session in each.
        begins: First date of each: a Monday, or the first of a month.
        ends: Last date of each.
    """

    whole: TradingCalendar
    first_labels: NDArray[np.datetime64]
    begins: NDArray[np.datetime64]
    ends: NDArray[np.datetime64]

    def of_labels(self, labels: NDArray[np.datetime64]) -> NDArray[np.int32]:
        """Return the number of the week or month that contains each date; -1 for one
        without a session.
        """
        found = np.searchsorted(self.begins, labels, side="right") - 1
        inside = (found >= 0) & (labels <= self.ends[np.maximum(found, 0)])
        return np.where(inside, found, -1).astype(np.int32)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TradingCalendar:
    """The sessions of an exchange. Create one with `get_calendar`.

    Attributes:
        name: Its name in exchange_calendars, e.g. "XNYS".
        tz: Key of the exchange's time zone, e.g. "America/New_York".
        labels: Session labels, ascending; a session's number is its index here.
        opens_us: Opening times, µs UTC; XNYS opens at 09:30 local time.
        closes_us: Closing times, µs UTC; XNYS closes at 16:00 local time, or 13:00 on
            half days.
        early_closes: Whether each session closes earlier than usual.
        breaks_us: Start and end of each session's lunch break, µs UTC, sessions x 2;
            None for an exchange without breaks. A session without a break has its close
            twice.
        periods: Set if each session is a week or month of sessions, labelled by its
            last one; `rbtlive.data.calendars.grid.calendar_of` creates such a calendar.
    """

    name: str
    tz: str
    labels: NDArray[np.datetime64]
    opens_us: Micros
    closes_us: Micros
    early_closes: NDArray[np.bool_]
    breaks_us: Micros | None = None
    periods: Periods | None = None

    def __post_init__(self) -> None:
        for array in (
            self.labels,
            self.opens_us,
            self.closes_us,
            self.early_closes,
            self.breaks_us,
        ):
            if array is not None:
                array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return (
            f"TradingCalendar({self.name}, {len(self)} sessions, {self.label(0)} to "
            f"{self.label(len(self) - 1)})"
        )

    def number(self, label: date) -> int:
        """Return the number of a session.

        Raises:
            NotASession: `label` is not a session of this calendar.
            OutsideCalendar: `label` is before the first session or after the last.
        """
        found = self.at_or_after(label)
        if self.label(found) != _plain(label):
            near = f"the sessions around it are {self._neighbours(found)}"
            raise NotASession(f"a session of {self.name} is expected: was {_plain(label)}; {near}")
        return found

    def at_or_after(self, label: date) -> int:
        """Return the number of the first session on or after a date.

        Raises:
            OutsideCalendar: the calendar has no such session.
        """
        found = int(np.searchsorted(self.labels, np.datetime64(_plain(label), "D"), side="left"))
        if found == len(self):
            raise OutsideCalendar(self._outside(label, "on or after"))
        return found

    def at_or_before(self, label: date) -> int:
        """Return the number of the last session on or before a date.

        Raises:
            OutsideCalendar: the calendar has no such session.
        """
        found = (
            int(np.searchsorted(self.labels, np.datetime64(_plain(label), "D"), side="right")) - 1
        )
        if found < 0:
            raise OutsideCalendar(self._outside(label, "on or before"))
        return found

    def session_of_us(self, us: int) -> int:
        """Return the number of the session whose (open, close] contains a moment,
        including lunch breaks; -1 if none does.
        """
        found = int(np.searchsorted(self.closes_us, us, side="left"))
        return found if found < len(self) and self.opens_us[found] < us else -1

    def sessions_of_us(self, us: Micros) -> NDArray[np.int32]:
        """Return `session_of_us` of many moments at once."""
        found = np.searchsorted(self.closes_us, us, side="left")
        inside = np.minimum(found, len(self) - 1)
        return np.where((found < len(self)) & (self.opens_us[inside] < us), inside, -1).astype(
            np.int32
        )

    def sessions_of_minutes(self, us: Micros) -> NDArray[np.int32]:
        """Return the session number of each calendar minute; -1 for a moment that is
        not the END of one.

        A moment inside a lunch break, or between two whole minutes, is not a calendar
        minute.
        """
        if len(us) >= _MANY:
            first, last = int(us.min()) // MINUTE_US, int(us.max()) // MINUTE_US
            if last - first < _TABLE_MINUTES * len(us):
                return self._looked_up(us, first, last)
        found = self.sessions_of_us(us)
        off: NDArray[np.bool_] = us % MINUTE_US != 0
        if self.breaks_us is not None:
            pause = self.breaks_us[np.maximum(found, 0)]
            off |= (us > pause[:, 0]) & (us <= pause[:, 1])
        found[off] = -1
        return found

    # Bars are close together: looking them up among all minutes from the first to the
    # last costs a fifth of a search.
    def _looked_up(self, us: Micros, first: int, last: int) -> NDArray[np.int32]:
        table = np.full(last - first + 1, -1, dtype=np.int32)

        def mark(after_us: int, until_us: int, value: int) -> None:
            begin, end = (
                int(after_us) // MINUTE_US + 1 - first,
                int(until_us) // MINUTE_US + 1 - first,
            )
            table[max(begin, 0) : max(end, 0)] = value

        sessions = range(self.next_session(first * MINUTE_US), len(self))
        for session in sessions[: self.next_session(last * MINUTE_US) + 1 - sessions.start]:
            mark(self.opens_us[session], self.closes_us[session], session)
            if self.breaks_us is not None:
                mark(self.breaks_us[session, 0], self.breaks_us[session, 1], -1)
        moments = (
            us // MINUTE_US
        )  # one array, changed in place: allocating memory would be most of the cost
        moments -= first
        found = table[moments]
        moments += first
        moments *= MINUTE_US
        found[moments != us] = -1
        return found

    def sessions_of_labels(self, labels: NDArray[np.datetime64]) -> NDArray[np.int32]:
        """Return the session number of each date; -1 for a date that is not a
        session.
        """
        if self.periods is not None:
            return self.periods.of_labels(labels)
        if (
            len(labels) >= _MANY
            and labels.min() >= self.labels[0]
            and labels.max() <= self.labels[-1]
        ):
            first = self.labels[0]
            table = np.full(int((self.labels[-1] - first).astype(np.int64)) + 1, -1, dtype=np.int32)
            table[(self.labels - first).astype(np.int64)] = np.arange(len(self))
            looked_up: NDArray[np.int32] = table[(labels - first).view(np.int64)]
            return looked_up
        found = np.minimum(np.searchsorted(self.labels, labels, side="left"), len(self) - 1)
        return np.where(self.labels[found] == labels, found, -1).astype(np.int32)

    def minutes_us(self, session: int) -> Micros:
        """Return the ENDs of a session's minutes: open + 1 minute to the close, without
        the lunch break.
        """
        minutes: Micros = np.arange(
            self.opens_us[session] + MINUTE_US,
            self.closes_us[session] + 1,
            MINUTE_US,
            dtype=np.int64,
        )
        if self.breaks_us is None:
            return minutes
        start, end = self.breaks_us[session]
        inside: Micros = minutes[(minutes <= start) | (minutes > end)]
        return inside

    def first_minute_us(self, session: int) -> int:
        """Return the END of a session's first minute, µs UTC."""
        return int(self.opens_us[session]) + MINUTE_US

    def minute_count(self, session: int) -> int:
        """Return the number of minutes in a session, without the lunch break."""
        span = int(self.closes_us[session] - self.opens_us[session])
        if self.breaks_us is not None:
            span -= int(self.breaks_us[session, 1] - self.breaks_us[session, 0])
        return span // MINUTE_US

    def next_session(self, us: int) -> int:
        """Return the session in progress at `us`, otherwise the next one."""
        return int(self.closes_us.searchsorted(us))

    def label(self, session: int) -> date:
        """Return a session's label."""
        return _date_of(self.labels[session])

    def morning_us(self, session: int) -> int:
        """Return when `before_trading_start` runs, µs UTC: 08:45 New York time on the
        session's date (of a week or month, its first session's), on every calendar.

        Source: zipline-reloaded 3.2.1, `algorithm.py`, `gens/sim_engine.pyx`.
        """
        return _mornings_us(self)[session]

    def open(self, session: int) -> datetime:
        """Return when a session opens, UTC."""
        return datetime_of(self.opens_us[session])

    def close(self, session: int) -> datetime:
        """Return when a session closes, UTC."""
        return datetime_of(self.closes_us[session])

    def is_early_close(self, session: int) -> bool:
        """Say whether a session closes earlier than usual."""
        return bool(self.early_closes[session])

    def _outside(self, label: date, where: str) -> str:
        reach = f"it reaches from {self.label(0)} to {self.label(len(self) - 1)}"
        return (
            f"{self.name} has no session {where} {_plain(label)}: {reach}; pick a date within,"
            " or another calendar"
        )

    def _neighbours(self, after: int) -> str:
        return " and ".join(str(self.label(n)) for n in (after - 1, after) if n >= 0)


def get_calendar(name: str, *, through: date | None = None) -> TradingCalendar:
    """Return a calendar by its name in exchange_calendars, or by an alias such as
    "NYSE".

    Args:
        name: E.g. "XNYS", "XLON", "24/7"; "FX" is from Sunday to Friday, 17:00 in New
            York.
        through: A date the calendar must reach; by default it ends with 2030. Session
            numbers do not depend on it.

    Raises:
        UnknownCalendar: no calendar has that name; the message suggests the nearest.
        OutsideCalendar: the calendar cannot be computed up to `through`.
    """
    if not isinstance(name, str):
        raise UnknownCalendar(f"calendar must be a name such as 'XNYS' or '24/7': was {name!r}")
    last = (
        LAST_LABEL
        if through is None or through <= LAST_LABEL
        else date(_plain(through).year, 12, 31)
    )
    calendar = _calendar(ALIASES.get(name, name), last)
    if through is not None and last > LAST_LABEL:
        calendar.at_or_after(through)
    return calendar


@cache
def _calendar(name: str, last: date) -> TradingCalendar:
    if name == "24/7":
        return _round_the_clock(last)
    if name == "FX":
        return _currency_days(last)
    if name not in TABLES:
        canonical = canonical_name(name, common=(*TABLES, *ALIASES, "24/7", "FX"))
        tz = library_time_zone(canonical, last=last)
        return _from_table(name=canonical, tz=tz, table=library_sessions(canonical, last=last))
    source = TABLES[name]
    table = pl.read_parquet(Path(__file__).with_name(f"{source}.parquet").read_bytes())
    if last > LAST_LABEL:  # the shipped sessions stay unchanged, so that no number ever changes
        later = library_sessions(source, last=last)
        table = pl.concat([table, later.filter(pl.col("label") > LAST_LABEL)])
    return _from_table(name=name, tz=_TIME_ZONES[source], table=table)


def _from_table(*, name: str, tz: str, table: pl.DataFrame) -> TradingCalendar:
    labels = table["label"].to_numpy().astype("datetime64[D]")
    midnight = labels.astype("datetime64[us]").astype(np.int64)

    def moments(column: str) -> Micros:
        return np.asarray(midnight + table[column].to_numpy().astype(np.int64) * MINUTE_US)

    breaks = None
    if table["break_start"].count():
        table = table.with_columns(pl.col("break_start", "break_end").fill_null(pl.col("close")))
        breaks = np.stack([moments("break_start"), moments("break_end")], axis=1)
    return TradingCalendar(
        name=name,
        tz=tz,
        labels=labels,
        opens_us=moments("open"),
        closes_us=moments("close"),
        early_closes=table["early"].to_numpy().copy(),
        breaks_us=breaks,
    )


def _all_days(last: date) -> NDArray[np.datetime64]:
    return np.arange(
        np.datetime64(FIRST_LABEL, "D"), np.datetime64(last, "D") + np.timedelta64(1, "D")
    )


def _round_the_clock(last: date) -> TradingCalendar:
    labels = _all_days(last)
    opens = labels.astype("datetime64[us]").astype(np.int64)
    never = np.zeros(len(labels), dtype=np.bool_)
    return TradingCalendar("24/7", "UTC", labels, opens, opens + DAY_US, never)


# Currencies trade from Sunday to Friday, 17:00 in New York, when their days end.
# Source: cmegroup.com, "FX trading hours"; oanda.com, "Hours of operation".
def _currency_days(last: date) -> TradingCalendar:
    days = _all_days(last)
    labels = days[np.is_busday(days)]
    never = np.zeros(len(labels), dtype=np.bool_)
    opens = _in_new_york(labels - np.timedelta64(1, "D"), "17h")
    closes = _in_new_york(labels, "17h")
    return TradingCalendar("FX", "America/New_York", labels, opens, closes, never)


@cache
def _mornings_us(calendar: TradingCalendar) -> list[int]:
    periods = calendar.periods
    first = calendar.labels if periods is None else periods.first_labels
    return cast(list[int], _in_new_york(first, "8h45m").tolist())


# The time of day is given as its distance from midnight.
def _in_new_york(labels: NDArray[np.datetime64], time_of_day: str) -> Micros:
    wall = pl.Series(labels.astype("datetime64[us]")).dt.offset_by(time_of_day)
    return wall.dt.replace_time_zone("America/New_York").dt.epoch("us").to_numpy().copy()


# A datetime is a date to isinstance, but does not compare with a date.
def _plain(label: date) -> date:
    return label.date() if isinstance(label, datetime) else label


def _date_of(label: np.datetime64) -> date:
    return cast(date, label.astype(object))
