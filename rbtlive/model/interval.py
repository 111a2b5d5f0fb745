"""The length of a bar: a number of minutes, a session, a week or a month.

The rule: an interval is a value with one spelling. `rbtlive.data.calendars.grid`
defines its meaning on an exchange's calendar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final, Literal

from rbtlive.errors import BadFrequency

Unit = Literal["minute", "session", "week", "month"]

MINUTE_US: Final = 60_000_000
DAY_US: Final = 86_400_000_000

USUAL_INTERVALS: Final = ("1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1mo")
"""Usual intervals; any number of minutes below a day is an interval too. If it does not
divide a session, the session's last bar is shorter.
"""
_LONGEST_MINUTES: Final = 1_440
_UNITS: Final[dict[str, tuple[Unit, int]]] = {
    **dict.fromkeys(("m", "min", "t", "minute", "minutes"), ("minute", 1)),
    **dict.fromkeys(("h", "hr", "hour", "hours"), ("minute", 60)),
    **dict.fromkeys(("d", "day", "days", "session"), ("session", 1)),
    **dict.fromkeys(("w", "wk", "week", "weeks"), ("week", 1)),
    **dict.fromkeys(("mo", "mon", "month", "months"), ("month", 1)),
}
_WORDS: Final = {
    "minute": "1m",
    "hourly": "1h",
    "daily": "1d",
    "weekly": "1w",
    "monthly": "1mo",
}
_SUFFIX: Final[dict[Unit, str]] = {"session": "1d", "week": "1w", "month": "1mo"}
_NOMINAL: Final[dict[Unit, timedelta]] = {
    "session": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=31),
}
_A_YEAR: Final[dict[Unit, int]] = {"week": 52, "month": 12}
_ORDER: Final[dict[Unit, int]] = {"minute": 0, "session": 1, "week": 2, "month": 3}


@dataclass(frozen=True, slots=True)
class Interval:
    """The length of a bar. Create one with `Interval.parse`.

    Attributes:
        unit: "minute", "session", "week" or "month".
        minutes: Number of minutes of an intraday bar; 0 for the other units.
    """

    unit: Unit
    minutes: int = 0

    @classmethod
    def parse(cls, value: object, *, name: str = "frequency") -> Interval:
        """Return the interval for a text such as "1m", "15m", "4h", "1d", "1w" or
        "1mo".

        Args:
            value: The text, in any of its usual spellings ("60min" is "1h"), or an
                interval.
            name: The argument's name in messages.

        Raises:
            BadFrequency: it is not an interval.
        """
        if isinstance(value, cls):
            return value
        found = _parsed(value) if isinstance(value, str) else None
        if found is None:
            month = isinstance(value, str) and value == "1M"
            hint = "; write '1m' for a minute, '1mo' for a month" if month else ""
            *usual, longest = map(repr, USUAL_INTERVALS)
            raise BadFrequency(
                f"{name} must be an interval such as {', '.join(usual)} or {longest}: "
                f"was {value!r:.80}{hint}"
            )
        return found

    @property
    def text(self) -> str:
        """Its canonical spelling: "1m", "90m", "2h", "1d", "1w" or "1mo"."""
        if self.unit != "minute":
            return _SUFFIX[self.unit]
        hours, rest = divmod(self.minutes, 60)
        return f"{self.minutes}m" if rest else f"{hours}h"

    def __str__(self) -> str:
        return self.text

    @property
    def intraday(self) -> bool:
        """Whether a session has several such bars; otherwise a bar is a session or
        longer.
        """
        return self.unit == "minute"

    @property
    def spans_sessions(self) -> bool:
        """Whether a bar is a week or a month of sessions."""
        return self.unit in _A_YEAR

    @property
    def us(self) -> int:
        """Length of a whole intraday bar in microseconds; 0 for the other units."""
        return self.minutes * MINUTE_US

    @property
    def duration(self) -> timedelta:
        """Maximum length of a bar by the clock; a month has 31 days."""
        return timedelta(minutes=self.minutes) if self.intraday else _NOMINAL[self.unit]

    @property
    def bar_word(self) -> str:
        """A bar's name in messages: "minute", "5m bar", "session", "week", "month"."""
        return self.unit if self.minutes < 2 else f"{self.text} bar"

    def rows_a_year(self, sessions_a_year: int) -> int:
        """Return the number of rows per year in a run's books: one per session, week or
        month.
        """
        return _A_YEAR.get(self.unit, sessions_a_year)

    def is_finer_than(self, other: Interval) -> bool:
        """Say whether bars are shorter than those of another interval."""
        return (_ORDER[self.unit], self.minutes) < (_ORDER[other.unit], other.minutes)

    def makes_up(self, other: Interval) -> bool:
        """Say whether whole bars of this interval add up to each bar of another one."""
        if self.intraday and other.intraday:
            return other.minutes % self.minutes == 0
        return self == other or self.intraday or (self.unit == "session" and not other.intraday)


@lru_cache(maxsize=256)
def _parsed(text: str) -> Interval | None:
    if text == "1m":  # the usual intervals need no compiled pattern
        return MINUTE
    if text == "1d":
        return DAY
    match = re.fullmatch(r"\s*(\d{0,4})\s*([A-Za-z]+)\s*", _WORDS.get(text.lower(), text))
    if match is None or match[2] == "M":  # "M" is a month in some tools, and a minute to a reader
        return None
    unit, minutes = _UNITS.get(match[2].lower(), (None, 0))
    count = int(match[1] or 1)
    if unit is None or count < 1:
        return None
    if unit != "minute":
        return Interval(unit) if count == 1 else None
    length = count * minutes
    return Interval("minute", length) if length < _LONGEST_MINUTES else None


MINUTE: Final = Interval("minute", 1)
DAY: Final = Interval("session")
WEEK: Final = Interval("week")
MONTH: Final = Interval("month")
