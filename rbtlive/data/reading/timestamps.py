"""Times in people's notations: dates, date-times, epochs, and a dozen forms of text.

The rule: the result is a wall clock and, if known, its zone; `fit` finds the exchange's
minute.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl

from rbtlive.data.reading.day_counts import kind_of_days, moments_of_days
from rbtlive.data.reading.eras import (
    REPUBLIC,
    dates_in_common_years,
    dates_of_numbers,
    text_in_common_years,
)
from rbtlive.data.reading.periods import ends_of_periods, months_of_numbers
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.interval import DAY_US

PERIODS: Final = "months, quarters or weeks as text"
"""The origin of periods in words, whose dates are their last days."""

_TEXT: Final = (
    r"^\s*(?P<date>[A-Za-z]{3,9}\.?\s+\d{1,2},?\s+\d{4}"
    r"|\d{1,4}[-/. ]?[A-Za-z0-9]{1,9}[-/. ]?\d{0,4}?)"
    r"(?:[T ,;]+(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?|\d{6}|\d{4})"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?"
    r"\s*(?P<zone>Z|(?:UTC|GMT)?[+-]\d{1,2}:?(?:\d{2})?|[A-Z][A-Za-z]+/[A-Za-z_/]+|[A-Z]{3,4})?\s*$"
)
_NAMED: Final = {
    "Z": 0, "UTC": 0, "GMT": 0, "EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420,
    "MDT": -360, "PST": -480, "PDT": -420, "BST": 60, "CET": 60, "CEST": 120, "EET": 120,
    "EEST": 180, "MSK": 180, "JST": 540, "AEST": 600, "AEDT": 660,
}  # fmt: skip
_WEEKDAY: Final = r"^(?i:mon|tue|wed|thu|fri|sat|sun)(?i:day|sday|nesday|rsday|urday)?\.?,?\s+"
_HALF: Final = r"([AaPp])\.?[Mm]\.?\s*$"
_REWRITTEN: Final = (
    (r"^(\d{8})T(\d{4,6})", "$1 $2"),  # ISO 8601's basic form
    (
        r"^([A-Za-z]{3} +\d{1,2}) ([\d:]+)((?: [A-Z]{3,4})?) (\d{4})$",
        "$1 $4 $2$3",
    ),  # the form of ctime
    (r"\[[A-Za-z_/]+\]$", ""),  # java.time's zone after its offset
    (r"^(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]", "$1-$2-$3"),
)
_OFFSET: Final = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?")
_FORMS: Final = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y",
    "%d-%B-%Y",
    "%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%d%b%Y",
)  # fmt: skip
_SLASHED: Final = (("%m/%d/%Y", "%d/%m/%Y"), ("%m/%d/%y", "%d/%m/%y"), ("%m-%d-%Y", "%d-%m-%Y"))


class UnreadableTimes(Exception):  # noqa: N818 - a question, which is added to the list
    """Times in an unknown form; contains one of them."""


class DayOrMonth(Exception):  # noqa: N818 - likewise
    """Dates such as 03/04/2024 that may be in March or April; contains one of them."""


@dataclass(frozen=True)
class Moments:
    """The times of rows.

    Attributes:
        us: The wall clock as microseconds since 1970, Int64; null if missing.
        zone: The wall clock's zone; None if unknown.
        days: Whether they are dates, without a time of day.
        origin: Their original form, for the report: "ISO text", "epoch in ms", ….
    """

    us: pl.Series
    zone: str | None
    days: bool
    origin: str

    @property
    def are_midnights(self) -> bool:
        """Whether all are midnights of their wall clock."""
        return bool((self.us.drop_nulls() % DAY_US == 0).all())


def moments_of(column: pl.Series) -> Moments:
    """Return a column's times.

    Raises:
        UnreadableTimes: it contains no times.
        DayOrMonth: day and month cannot be distinguished.
        UnclearDays: they are day numbers of one of several kinds.
    """
    dtype = column.dtype
    if dtype == pl.Date:
        common = dates_in_common_years(column)
        origin = "dates" if common is None else f"dates, {REPUBLIC}"
        days = (column if common is None else common).cast(pl.Int64)
        return Moments(days * DAY_US, None, days=True, origin=origin)
    if isinstance(dtype, pl.Datetime):
        return _of_moments(column, dtype.time_zone)
    if dtype == pl.Object:
        return _of_objects(column)
    if dtype.is_numeric():
        return _of_numbers(column)
    if dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        return _of_text(column)
    raise UnreadableTimes(f"{column.name!r} of type {dtype}")


def joined(dates: pl.Series, clocks: pl.Series) -> Moments:
    """Return the times of a column of dates and one of times of day.

    Raises:
        UnreadableTimes: one of them is in an unknown form.
        DayOrMonth: day and month cannot be distinguished.
    """
    day = moments_of(dates)
    if clocks.dtype == pl.Time:
        of_day = clocks.cast(pl.Int64) // 1_000
    elif clocks.dtype == pl.Duration:
        of_day = clocks.dt.total_microseconds()
    elif clocks.dtype.is_numeric():  # 93000 or 930
        whole = clocks.cast(pl.Int64)
        whole = whole if int(whole.max() or 0) >= 2_400 else whole * 100  # type: ignore[arg-type]
        of_day = (whole // 10_000 * 3_600 + whole // 100 % 100 * 60 + whole % 100) * 1_000_000
    else:
        of_day = _clock(clocks.str.strip_chars(), clocks.str.extract(_HALF))
    return Moments(day.us + of_day, day.zone, days=False, origin="dates and times of day")


# Wall clocks, so that a local midnight is its date; but an hour that a clock shows
# twice is distinguished only by UTC.
def _of_moments(column: pl.Series, zone: str | None) -> Moments:
    wall = column.dt.replace_time_zone(None).dt.epoch("us")
    if zone is not None:
        us = column.dt.epoch("us")
        known = us.fill_null(0).to_numpy()
        if (to_utc(in_zone(known, zone), zone) != known).any():
            return Moments(us, "UTC", days=False, origin="date-times")
    return Moments(wall, zone, days=False, origin="date-times")


def _of_objects(column: pl.Series) -> Moments:
    values = column.to_list()
    try:
        typed = pl.Series(column.name, values, strict=False)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise UnreadableTimes(f"{values[0]!r} in {column.name!r}") from error
    if typed.dtype == pl.Object:
        raise UnreadableTimes(f"{values[0]!r} in {column.name!r}")
    return moments_of(typed)


def _of_numbers(column: pl.Series) -> Moments:
    if column.dtype.is_float() or column.dtype.is_decimal():
        exact = column.cast(pl.Float64)
        whole = exact.round().cast(pl.Int64, strict=False)
    else:
        whole = column.cast(pl.Int64, strict=False)
        exact = whole
    known = whole.drop_nulls()
    if known.is_empty():
        raise UnreadableTimes(f"no value in {column.name!r}")
    low, high = int(known.min()), int(known.max())  # type: ignore[arg-type]
    for digits, form in ((8, "%Y%m%d"), (12, "%Y%m%d%H%M"), (14, "%Y%m%d%H%M%S")):
        if 1900 * 10 ** (digits - 4) <= low and high < 2101 * 10 ** (digits - 4):
            read = whole.cast(pl.String).str.to_datetime(form, time_unit="us", strict=False)
            if read.null_count() == whole.null_count():
                return Moments(read.dt.epoch("us"), None, days=digits == 8, origin=form)
    if (written := _dates_of_digits(whole)) is not None:
        return written
    if (kind := kind_of_days(exact)) is not None:
        us = moments_of_days(exact, kind)
        days = bool((us % DAY_US == 0).all())
        return Moments(us, None, days=days, origin=kind[0])
    for limit, unit, factor in (
        (1e11, "s", 1_000_000),
        (1e14, "ms", 1_000),
        (1e17, "µs", 1),
        (1e20, "ns", -1_000),
    ):
        if 1e7 <= high < limit:
            us = (exact * factor).round().cast(pl.Int64) if factor > 0 else whole // -factor
            return Moments(us, "UTC", days=False, origin=f"epoch in {unit}")
    raise UnreadableTimes(f"{known[0]} in {column.name!r}")


# 1130102 and 202301
def _dates_of_digits(whole: pl.Series) -> Moments | None:
    dates, origin = dates_of_numbers(whole), f"dates, {REPUBLIC}"
    if dates is None:
        dates, origin = months_of_numbers(whole), "months as numbers"
    if dates is None:
        return None
    return Moments(dates.cast(pl.Int64) * DAY_US, None, days=True, origin=origin)


def _of_text(column: pl.Series) -> Moments:
    text = column.str.strip_chars()
    if text.head(1).str.contains(r"^[A-Za-z]").any():  # Tue, 03 Jan 2023 … (EST)
        text = text.str.replace(_WEEKDAY, "").str.replace(r"\s*\([A-Za-z ]+\)$", "")
    for form, instead in _REWRITTEN:
        if text.head(1).str.contains(form).any():
            text = text.str.replace(form, instead)
    text = text.set(text == "", None)
    known = text.drop_nulls()
    if known.is_empty():
        raise UnreadableTimes(f"no value in {column.name!r}")
    if (
        known.head(50).str.contains(r"^\d{5,20}(\.\d+)?$").all()
        and known.str.contains(r"^\d{5,20}(\.\d+)?$").all()
    ):
        kind = pl.Float64 if known.str.contains(".", literal=True).any() else pl.Int64
        return _of_numbers(text.cast(kind))
    many = len(text) > 2_000
    distinct = (
        text.unique(maintain_order=True).drop_nulls() if many else known.unique(maintain_order=True)
    )
    read = _of_distinct(distinct)
    us = text.replace_strict(distinct, read.us, default=None, return_dtype=pl.Int64)
    return Moments(us, read.zone, days=read.days, origin=read.origin)


def _of_distinct(text: pl.Series) -> Moments:
    if (common := text_in_common_years(text)) is not None:
        read = _of_distinct(common)
        return replace(read, origin=f"{read.origin}, {REPUBLIC}")
    if (ends := ends_of_periods(text)) is not None:
        days = ends.cast(pl.Int64) * DAY_US
        return Moments(days, None, days=True, origin=PERIODS)
    parts = text.str.extract_groups(_TEXT).struct.unnest()
    bad = parts["date"].is_null()
    if bad.all():
        raise UnreadableTimes(f"{text[0]!r} in {text.name!r}")
    days = _dates(parts["date"], text)
    has_time = parts["time"].is_not_null()
    if not has_time.any():
        return Moments(days * DAY_US, None, days=True, origin="dates as text")
    wall = days * DAY_US + _clock(parts["time"], parts["half"]).fill_null(0)
    zone = parts["zone"]
    if zone.null_count() == len(zone):
        return Moments(wall, None, days=False, origin="date-times as text")
    if bool((wall.drop_nulls() % DAY_US == 0).all()):
        # midnight in a zone with changing offsets: the date is meant
        return Moments(wall, None, days=True, origin="midnights with an offset")
    names = zone.unique().drop_nulls().to_list()
    if len(names) == 1 and "/" in names[0] and not zone.null_count() and is_zone(names[0]):
        return Moments(wall, names[0], days=False, origin="date-times with a zone")
    unknown = [name for name in names if name not in _NAMED and not _OFFSET.fullmatch(name)]
    if unknown:
        row = int(zone.is_in(unknown).arg_max() or 0)
        raise UnreadableTimes(f"{text[row]!r} in {text.name!r}")
    return Moments(wall - _offsets(zone), "UTC", days=False, origin="date-times with an offset")


def _dates(parts: pl.Series, text: pl.Series) -> pl.Series:
    clean = parts.str.replace_all(r"[,]|(?:([A-Za-z])\.)", "$1").str.replace_all(r"\s+", " ")
    clean = clean.str.strip_chars(" .")
    nulls = clean.null_count()
    for form in _FORMS:
        read = _in_form(clean, form)
        if read.null_count() == nulls:
            return read.cast(pl.Int64)
    for american, european in _SLASHED:
        ways = [_in_form(clean, form) for form in (american, european)]
        fits = [way.null_count() == nulls for way in ways]
        if all(fits):
            fits = [bool((way.drop_nulls().dt.weekday() <= 5).all()) for way in ways]
            spans = [_span(way) for way in ways]
            if all(fits) and max(spans) > 4 * min(spans):
                fits = [span == min(spans) for span in spans]
        if all(fits):
            raise DayOrMonth(str(text[0]))
        if any(fits):
            return ways[0 if fits[0] else 1].cast(pl.Int64)
    best = max((_in_form(clean, form) for form in _FORMS), key=lambda s: s.count())
    if best.count() >= 0.9 * max(1, len(clean) - nulls):  # there may be totals below the rows
        return best.cast(pl.Int64)
    row = int((best.is_null() & clean.is_not_null()).arg_max() or 0)
    raise UnreadableTimes(f"{text[row]!r} in {text.name!r}")


# A two-digit year is not the year 23.
def _in_form(text: pl.Series, form: str) -> pl.Series:
    read = text.str.to_date(form, strict=False)
    return read.set((read.dt.year() < 1000).fill_null(value=False), None)


# Days from the first to the last per distinct day: of two ways to read dates, the right
# one is denser.
def _span(dates: pl.Series) -> float:
    days: Any = dates.drop_nulls().unique().cast(pl.Int64)
    return (int(days.max()) - int(days.min()) + 1) / max(1, len(days))


def _clock(text: pl.Series, half: pl.Series | None) -> pl.Series:
    short = text.str.replace(",", ".", literal=True)
    digits = short.str.contains(r"^\d{4,6}$").fill_null(value=False)
    if digits.any():
        dense = short.str.pad_end(6, "0").str.replace(r"^(\d{2})(\d{2})(\d{2})$", "$1:$2:$3")
        short = dense.zip_with(digits, dense) if digits.all() else short.zip_with(~digits, dense)
    groups = short.str.extract_groups(r"^(\d{1,2}):(\d{2})(?::(\d{2})(\.\d+)?)?").struct.unnest()
    hour, minute, second, fraction = (groups.to_series(n) for n in range(4))
    hours = hour.cast(pl.Int64, strict=False)
    if half is not None and half.is_not_null().any():
        afternoon = half.str.to_lowercase().str.starts_with("p").fill_null(value=False)
        hours = hours % 12 + afternoon.cast(pl.Int64) * 12
    whole = (
        hours * 3_600
        + minute.cast(pl.Int64, strict=False) * 60
        + second.cast(pl.Int64, strict=False).fill_null(0)
    ) * 1_000_000
    rest = (fraction.cast(pl.Float64, strict=False).fill_null(0.0) * 1e6).round().cast(pl.Int64)
    return whole + rest


def _offsets(zone: pl.Series) -> pl.Series:
    names = zone.unique().drop_nulls().to_list()
    minutes = [_offset_minutes(name) for name in names]
    table = pl.Series([value * 60_000_000 for value in minutes], dtype=pl.Int64)
    return zone.replace_strict(pl.Series(names), table, default=0, return_dtype=pl.Int64).fill_null(
        0
    )


def _offset_minutes(name: str) -> int:
    match = _OFFSET.fullmatch(name)
    if match is None:
        return _NAMED[name]
    minutes = int(match[2]) * 60 + int(match[3] or 0)
    return -minutes if match[1] == "-" else minutes


def is_zone(name: str) -> bool:
    """Say whether a time zone with this name exists."""
    try:
        pl.Series([0]).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(name)
    except pl.exceptions.PolarsError:
        return False
    return True


def told_apart(moments: Moments, symbols: pl.Series, zone: str | None) -> Moments:
    """Return times without a zone in UTC, if an hour that clocks show twice appears
    twice in a row; otherwise unchanged.

    Args:
        moments: Times in a zone, row by row.
        symbols: Symbol of each row.
        zone: The zone, if known.
    """
    if zone is None or moments.days or not is_zone(zone) or moments.us.null_count():
        return moments
    wall = moments.us.cast(pl.Datetime("us"))
    first, last = (
        wall.dt.replace_time_zone(zone, ambiguous=which, non_existent="null").dt.epoch("us")
        for which in ("earliest", "latest")
    )
    rows = pl.DataFrame({"symbol": symbols, "us": moments.us})
    twice = (first != last).fill_null(value=False) & rows.is_duplicated()
    if not twice.any():
        return moments
    rest = rows.filter(~twice).partition_by("symbol")
    rises = all(part["us"].is_sorted() for part in rest)
    if not rises and not all(part["us"].is_sorted(descending=True) for part in rest):
        return moments  # the order of the two is unknown
    place = rows.select(pl.int_range(pl.len()).over("symbol", "us")).to_series()
    is_later = twice & ((place == 1) if rises else (place == 0))
    early = pl.Series("us", to_utc(moments.us.to_numpy(), zone))
    us = pl.select(pl.when(is_later).then(last).otherwise(early)).to_series().alias("us")
    return Moments(us, "UTC", days=False, origin=moments.origin)


def in_zone(us: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return UTC microseconds as the wall clock of a zone."""
    moments = pl.Series(us).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    wall = moments.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return wall.dt.epoch("us").to_numpy()


def to_utc(us: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return a zone's wall clock as UTC microseconds; an hour that occurs twice is the
    first one, and one that does not exist is an hour later.
    """
    if zone == "UTC":
        return us
    wall = pl.Series(us).cast(pl.Datetime("us"))
    moments = wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    if moments.null_count():
        later = wall.dt.offset_by("1h").dt
        moments = moments.fill_null(
            later.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        )
    return moments.dt.epoch("us").to_numpy()
