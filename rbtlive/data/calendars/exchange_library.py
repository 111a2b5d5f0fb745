"""Sessions from exchange_calendars, for calendars that do not ship with the package.

The rule: only this module imports that library, and it silences the pandas warnings
that the library causes.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import polars as pl

from rbtlive.errors import UnknownCalendar

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

FIRST_LABEL: Final = date(1970, 1, 2)
LAST_LABEL: Final = date(2030, 12, 31)
"""How far calendars reach until a later date is requested."""

# Tried in turn if a calendar cannot be computed from 1970 on.
_LATER_STARTS: Final = (date(1980, 1, 1), date(1990, 1, 1), date(2000, 1, 1), date(2007, 1, 1))


_BY_WORD: Final = {
    **dict.fromkeys(("us", "usa", "us_equities", "equities", "stocks", "amex", "arca"), "XNYS"),
    **dict.fromkeys(("crypto", "always", "24x7", "continuous"), "24/7"),
    **dict.fromkeys(("forex", "currency", "currencies"), "24/5"),
    **dict.fromkeys(("uk", "london"), "XLON"),
    **dict.fromkeys(("germany", "xetra", "dax"), "XETR"),
    **dict.fromkeys(("japan", "tokyo", "jpx"), "XTKS"),
    **dict.fromkeys(("china", "sse", "szse", "shanghai"), "XSHG"),
    **dict.fromkeys(("india", "nse", "bombay"), "XBOM"),
    **dict.fromkeys(("hongkong", "hong kong"), "XHKG"),
}
"""Common names of calendars that have another name in the library."""


def library_sessions(name: str, *, last: date = LAST_LABEL) -> pl.DataFrame:
    """Return the sessions of a calendar from exchange_calendars, up to `last`.

    Returns:
        One row per session: label (Date); open, close, break_start, break_end (Int16,
        minutes after midnight UTC of the label; both breaks are null on a day without
        one); early (Boolean, closes earlier than usual).
    """
    calendar = _library_calendar(name, last)
    with _without_deprecations():
        schedule, early_closes = calendar.schedule, calendar.early_closes
    labels = pl.Series("label", schedule.index.to_numpy()).cast(pl.Datetime("us"))

    def minutes_after_midnight(column: str) -> pl.Series:
        times = pl.Series(schedule[column].dt.tz_localize(None).to_numpy()).cast(pl.Datetime("us"))
        return (times - labels).dt.total_minutes().cast(pl.Int16).alias(column)

    early = pl.Series(early_closes.to_numpy()).cast(pl.Datetime("us"))
    return pl.DataFrame({"label": labels.cast(pl.Date)}).with_columns(
        *(
            minutes_after_midnight(column)
            for column in ("open", "close", "break_start", "break_end")
        ),
        labels.is_in(early.implode()).alias("early"),
    )


def library_time_zone(name: str, *, last: date) -> str:
    """Return the time zone of a calendar."""
    return str(_library_calendar(name, last).tz)


# By default, exchange_calendars starts twenty years before today, and it cannot compute
# some calendars from 1970 on. One evaluation may take seconds, so the library is asked
# for a calendar's bounds only if it refuses the whole range, and the answer is kept for
# the next question.
@lru_cache(maxsize=1)
def _library_calendar(name: str, last: date) -> ExchangeCalendar:
    try:
        return evaluate(name, start=FIRST_LABEL.isoformat(), end=last.isoformat())
    except (ValueError, NotImplementedError):
        pass
    reason: Exception | None = None
    try:
        kind = type(evaluate(name))
        earliest, latest = kind.bound_min(), kind.bound_max()
    except (ValueError, NotImplementedError) as error:
        raise UnknownCalendar(_cannot_evaluate(name, error)) from error
    end = last if latest is None else min(last, latest.date())
    for wanted in (FIRST_LABEL, *_LATER_STARTS):
        start = wanted if earliest is None else max(wanted, earliest.date())
        try:
            return evaluate(name, start=start.isoformat(), end=end.isoformat())
        except (ValueError, NotImplementedError) as error:
            reason = error
    raise UnknownCalendar(_cannot_evaluate(name, reason)) from reason


def evaluate(name: str, **options: str) -> ExchangeCalendar:
    """Return the calendar of `exchange_calendars.get_calendar(name, **options)`; for
    "FX", which the library lacks, one in the same form.
    """
    import exchange_calendars

    with _without_deprecations():
        if name == "FX":
            return _currency_days()(**options)
        return exchange_calendars.get_calendar(name, **options)


# Currency days, from 17:00 to 17:00 in New York.
@cache
def _currency_days() -> type[ExchangeCalendar]:
    from datetime import time
    from zoneinfo import ZoneInfo

    from exchange_calendars import ExchangeCalendar

    class CurrencyDays(ExchangeCalendar):  # type: ignore[misc]
        name = "FX"
        tz = ZoneInfo("America/New_York")
        open_times = ((None, time(17)),)
        close_times = ((None, time(17)),)
        open_offset = -1

    return CurrencyDays


# exchange_calendars uses parts of pandas that pandas 3.1 deprecates; our users need not
# see those warnings.
@contextmanager
def _without_deprecations() -> Iterator[None]:
    """Silence pandas warnings caused by exchange_calendars."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _cannot_evaluate(name: str, reason: Exception | None) -> str:
    text = str(reason)
    short = (
        text if len(text) <= 120 else text[:120] + "..."
    )  # the library may list hundreds of dates
    return (
        f"calendar {name!r} cannot be evaluated by the installed exchange_calendars ({short});"
        " pick another calendar"
    )


def canonical_name(name: str, *, common: Sequence[str]) -> str:
    """Return the library's own name for a calendar.

    Args:
        name: A name or an alias of it.
        common: Names to suggest before others.

    Raises:
        UnknownCalendar: the library has no such calendar.
    """
    import exchange_calendars

    known = exchange_calendars.get_calendar_names(include_aliases=True)
    if name in known:
        return str(exchange_calendars.resolve_alias(name))
    near = [_BY_WORD[name.lower()]] if name.lower() in _BY_WORD else []
    for names in (common, known):
        near = near or difflib.get_close_matches(name.upper(), names, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}?" if near else "pass e.g. 'XNYS', 'XLON' or '24/7'"
    raise UnknownCalendar(
        f"calendar must be a name that exchange_calendars knows: was {name!r}; {hint}"
    )
