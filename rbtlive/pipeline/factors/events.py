"""The number of business days between a day and an event."""

from __future__ import annotations

from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Mask
from rbtlive.pipeline.factors.factor import Factor
from rbtlive.pipeline.term import FLOAT


# Business days between two tables of dates; NaN where one is missing.
def _business_days(first: Any, last: Any) -> Any:
    first, last = np.broadcast_arrays(first, last)
    lost = np.isnat(first) | np.isnat(last)
    day = np.datetime64("1970-01-01", "D")
    counts = np.busday_count(np.where(lost, day, first), np.where(lost, day, last))
    return np.where(lost, np.nan, counts.astype(np.float64))


class _BusinessDays(Factor):
    window_length = 0
    dtype = FLOAT

    def _dates(self, inputs: Any, dates: Any, mask: Mask) -> tuple[Any, Any]:
        events = np.where(mask, inputs[0].astype("datetime64[D]"), np.datetime64("NaT", "D"))
        return events, dates.values.astype("datetime64[D]")[:, None]


class BusinessDaysSincePreviousEvent(_BusinessDays):
    """Business days since the date in the input; 0 on that day."""

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Mask) -> Any:
        del assets
        events, days = self._dates(inputs, dates, mask)
        return _business_days(events, days)


class BusinessDaysUntilNextEvent(_BusinessDays):
    """Business days until the date in the input; 0 on that day."""

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Mask) -> Any:
        del assets
        events, days = self._dates(inputs, dates, mask)
        return _business_days(days, events)
