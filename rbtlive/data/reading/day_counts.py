"""Dates written as day numbers: Excel's, R's, Stata's, Python's, MATLAB's, Julian
ones.

The rule: a number belongs to the kind whose dates are in the past and, in a market with
weekends, never on a weekend; if two kinds fit, the user is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from rbtlive.data.calendars.exchange_library import LAST_LABEL
from rbtlive.model.arrays import np
from rbtlive.model.interval import DAY_US, MINUTE_US

KINDS: Final = (
    ("Excel's day numbers", 25_569.0),
    ("days since 1970", 0.0),
    ("days since 1960", 3_653.0),
    ("modified Julian days", 40_587.0),
    ("Julian days", 2_440_587.5),
    ("Python's day ordinals", 719_163.0),
    ("MATLAB's day numbers", 719_529.0),
)
"""Each kind, and its number of 1970-01-01.

Sources: Excel's DATEVALUE, R's Date, Stata's and SAS's dates, `date.toordinal`,
MATLAB's datenum, the IAU's (modified) Julian date.
"""
_FIRST: Final = -25_567
"""1900-01-01."""
_LAST: Final = (LAST_LABEL.toordinal() - 719_163) - 3 * 365
"""Bars are in the past: calendars reach some years further."""
_LEAST: Final = 5_000
"""Smaller numbers are row numbers."""
_CLOSE: Final = 4_000
"""If two kinds give dates no further apart than this, the user is asked."""
_ENOUGH: Final = 5
_NEAR_US: Final = 440_000
"""Five decimals of a day are this close to a minute."""

Kind = tuple[str, float]


class UnclearDays(Exception):  # noqa: N818 - a question, which is added to the list
    """Day numbers for which several kinds give dates; contains the kinds and one
    number.

    Attributes:
        kinds: The possible kinds.
        number: One of the numbers.
    """

    def __init__(self, kinds: Sequence[Kind], number: float) -> None:
        super().__init__(f"{number:.15g}")
        self.kinds = kinds
        self.number = number

    def __str__(self) -> str:
        listed = " or ".join(
            f"{name} ({datetime(1970, 1, 1, tzinfo=UTC) + timedelta(self.number - zero):%Y-%m-%d})"
            for name, zero in self.kinds
        )
        return f"{self.number:.15g} may be one of {listed}"


_ROW_NUMBERS: Final = ("index", "t", "start", "end", "begin", "month", "week")
"""Names that can mean times or row numbers."""


def may_be_days(number: float, *, named: str) -> bool:
    """Say whether a number may be a date since 1900 in days."""
    least = 20_000 if named in _ROW_NUMBERS else _LEAST
    return number >= least and any(_FIRST <= number - zero <= _LAST for _kind, zero in KINDS)


def kind_of_days(numbers: pl.Series) -> Kind | None:
    """Return the kind of day numbers; None if they are not day numbers.

    Raises:
        UnclearDays: several kinds fit.
    """
    days = numbers.drop_nulls().cast(pl.Float64).to_numpy()
    low, high = float(days.min()), float(days.max())
    kinds = [
        (name, zero)
        for name, zero in KINDS
        if low >= _LEAST and low - zero >= _FIRST and high - zero <= _LAST
    ]
    if len(kinds) < 2:
        return kinds[0] if kinds else None
    working = []
    for kind in kinds:
        weekday = (np.unique(np.floor(days - kind[1])) + 3) % 7
        if len(weekday) >= _ENOUGH and (weekday < 5).mean() >= 0.99:
            working.append(kind)
    kinds = working or kinds
    latest = min(zero for _name, zero in kinds)
    left = [(name, zero) for name, zero in kinds if zero < latest + _CLOSE]
    if len(left) > 1:
        raise UnclearDays(left, low)
    return left[0]


def moments_of_days(numbers: pl.Series, kind: Kind) -> pl.Series:
    """Return the wall clock of day numbers, µs since 1970; rounded to the minute if all
    are close to one.
    """
    us = ((numbers.cast(pl.Float64) - kind[1]) * (DAY_US / 1_000)).round() * 1_000
    near = (us / MINUTE_US).round() * MINUTE_US
    off = (us - near).abs()
    us = near if bool((off.drop_nulls() <= _NEAR_US).all()) else us
    return us.cast(pl.Int64)
