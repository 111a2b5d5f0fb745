"""Convert a length such as "2y", "6 months" or 504 to a number of rows in a run's
books.

The rule: the run's calendar and interval decide the rows per year: 252 sessions on an
exchange, 365 if every day trades, 52 weeks, 12 months.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from rbtlive.errors import BadFolds, InvalidSetting
from rbtlive.model.arrays import np
from rbtlive.model.given import whole
from rbtlive.research.statistics.annual import SESSIONS_A_YEAR

_UNITS: Final = {
    **dict.fromkeys(("d", "b", "bd", "session", "trading day", "business day"), "day"),
    **dict.fromkeys(("w", "wk", "week"), "week"),
    **dict.fromkeys(("mo", "mon", "mth", "month"), "month"),
    **dict.fromkeys(("q", "quarter"), "quarter"),
    **dict.fromkeys(("y", "yr", "year"), "year"),
}
"""Names of units; all but the letters may end in an s."""
_A_YEAR: Final = {"quarter": 4, "month": 12, "week": 52}
_EVERY_DAY: Final = 365
_ROW: Final = {52: "week", 12: "month"}
_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?)[\s_-]*([a-z ]+?)", re.ASCII)


def rows_of(value: object, name: str, *, a_year: int = SESSIONS_A_YEAR, least: int = 1) -> int:
    """Return a number of sessions, or of weeks or months if a row is one.

    Args:
        value: The number itself; text such as "2y", "6 months", "4w" or "10d", on an
            exchange 504, 126, 20 and 10 sessions; a timedelta of whole days, or an
            offset of pandas or dateutil.
        name: The argument's name in messages.
        a_year: Number of rows per year.
        least: Minimum number.

    Raises:
        BadFolds: it is not a length, is below `least`, or has a unit shorter than a
            row.
    """
    count = value
    if isinstance(value, np.timedelta64) and not np.isnat(value):
        value = value.astype("timedelta64[us]").item()
    if isinstance(value, timedelta):
        count = None if value % timedelta(days=1) else _of_days(value.days, a_year)
    elif isinstance(value, str):
        count = _of_text(value.strip().lower(), a_year)
    elif hasattr(value, "years") or hasattr(value, "months"):
        years, months = getattr(value, "years", 0), getattr(value, "months", 0)
        days = getattr(value, "days", 7 * getattr(value, "weeks", 0))
        count = round(a_year * (years + months / 12)) + _of_days(days, a_year)
    try:
        return whole(count, name, least=least)
    except InvalidSetting:
        row = _ROW.get(a_year, "session")
        some = "'2y', '6mo', '4w', '10d'" if row == "session" else "'2y', '6mo'"
        hint = "" if not isinstance(value, str) else _hint(value.strip(), a_year)
        raise BadFolds(
            f"{name} must be a number of {row}s from {least} on, or text such as {some}: was "
            f"{value!r}{hint}"
        ) from None


def _of_days(days: int, a_year: int) -> int:
    return round(days * a_year / 365)


def _of_text(text: str, a_year: int) -> int | None:
    if text.isdecimal():
        return int(text)
    match = _LENGTH.fullmatch(text)
    called: tuple[str, ...] = (match[2], match[2].removesuffix("s")) if match else ()
    if a_year == _EVERY_DAY and "day" in called:
        called = ("d",)
    unit = next((_UNITS[word] for word in called if word in _UNITS), None)
    if match is None or unit is None:
        return None
    rows = _rows_of_unit(unit, a_year)
    return None if rows < 1 else round(float(match[1]) * rows)


# A week has a whole number of sessions, 5 or 7; quarters and months are fractions of a
# year.
def _rows_of_unit(unit: str, a_year: int) -> float:
    if unit == "day":
        return 0.0 if a_year in _ROW else 1.0
    rows = a_year / _A_YEAR.get(unit, 1)
    return round(rows) if unit == "week" else rows


# "180 days" could be 124 sessions of an exchange, or 180 sessions: only the letter is
# clear.
def _hint(text: str, a_year: int) -> str:
    found = re.fullmatch(r"(\d+)\s*(days?|d|m|min|t|w|wk|weeks?)", text, re.IGNORECASE)
    if not found:
        return ""
    count, unit = int(found[1]), found[2].lower()
    if unit.startswith("w"):
        return f"; write {max(1, round(count * a_year / 52))} for that many weeks"
    if not unit.startswith("d"):
        return f"; write '{count}mo' for months"
    sessions = "" if a_year in _ROW else f"'{count}d' for {count} sessions, or "
    return f"; write {sessions}{max(1, _of_days(count, a_year))} for that many days"
