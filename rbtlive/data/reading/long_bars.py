"""Which end of a week or a month a date is.

The rule: a bar stands at the last session of the week or month in which it ends, so
that a strategy does not see its close earlier.

Sources: MetaTrader, Polygon and Investing.com date a week by the Sunday on which it
starts, Kraken by a Thursday, OANDA by the evening before; pandas' `resample("W")` dates
it by the Sunday on which it ends, and with `label="left"` by the Sunday before.
"""

from __future__ import annotations

from typing import Final

from rbtlive.model.arrays import NDArray, np
from rbtlive.model.interval import Interval

_SHORTEST: Final = {"week": 7, "month": 28}
"""Days of the shortest week and month."""

_SATURDAY: Final = 5


def last_days(starts: NDArray[np.int64], interval: Interval) -> NDArray[np.int64]:
    """Return a day of the last week or month of bars for the days on which they start.

    Args:
        starts: Days since 1970.
        interval: A week or a month.
    """
    return starts + (_SHORTEST[interval.unit] - 1)


def are_weekends(days: NDArray[np.int64], interval: Interval) -> bool:
    """Say whether weeks are dated on Saturdays or Sundays, which may be either end.

    Args:
        days: Days since 1970.
        interval: A week or a month.
    """
    return interval.unit == "week" and bool(((days + 3) % 7 >= _SATURDAY).mean() > 0.5)
