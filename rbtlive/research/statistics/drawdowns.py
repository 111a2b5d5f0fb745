"""Drawdowns: each stretch from a peak of the portfolio's value until it is reached
again.

The rule: the peak is the last session before the fall, recovery the first session at
or above it. Source: pyfolio-reloaded, `timeseries.get_top_drawdowns`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from rbtlive.model.arrays import np
from rbtlive.research import expanding

SCHEMA: dict[str, Any] = {
    "depth": pl.Float64(),
    "peak": pl.Date(),
    "valley": pl.Date(),
    "recovery": pl.Date(),
    "days_down": pl.Int64(),
    "days_to_recover": pl.Int64(),
    "days": pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class Drawdown:
    """One drawdown.

    Attributes:
        depth: The deepest point, a negative fraction.
        peak: Session of the preceding high.
        valley: Session of the deepest point.
        recovery: Session that reached the high again; None if none has.
        last: The last known session of the drawdown.
    """

    depth: float
    peak: date
    valley: date
    recovery: date | None
    last: date

    @property
    def days(self) -> int:
        """Calendar days from the peak to the recovery, or to the last known session."""
        return ((self.recovery or self.last) - self.peak).days

    def row(self) -> tuple[Any, ...]:
        """Return the drawdown as a row of `drawdowns_frame`."""
        recovering = None if self.recovery is None else (self.recovery - self.valley).days
        down = (self.valley - self.peak).days
        return self.depth, self.peak, self.valley, self.recovery, down, recovering, self.days


def drawdowns_of(returns: expanding.Floats, dates: Sequence[date]) -> list[Drawdown]:
    """Return every drawdown in order of time.

    Args:
        returns: Returns of the sessions.
        dates: Labels of the sessions.
    """
    depths = np.nan_to_num(expanding.drawdowns(returns))
    under = depths < 0.0
    found = []
    first = 0
    while first < len(depths):
        if not under[first]:
            first += 1
            continue
        end = first
        while end < len(depths) and under[end]:
            end += 1
        valley = first + int(np.argmin(depths[first:end]))
        found.append(
            Drawdown(
                float(depths[valley]),
                dates[max(first - 1, 0)],
                dates[valley],
                dates[end] if end < len(depths) else None,
                dates[end - 1],
            )
        )
        first = end
    return found


def drawdowns_frame(drawdowns: Sequence[Drawdown]) -> pl.DataFrame:
    """Return drawdowns, the deepest first: depth (a negative fraction), peak, valley,
    recovery (null while it lasts), and calendar days down, to recover, and in total.
    """
    rows = [drawdown.row() for drawdown in sorted(drawdowns, key=lambda d: d.depth)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
