"""The settings of a run.

The rule: they are frozen, and contain everything that could change a number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from rbtlive.data.calendars.calendar import TradingCalendar, get_calendar
from rbtlive.data.calendars.grid import calendar_of
from rbtlive.finance.protocols import CommissionLike, SlippageLike
from rbtlive.model.interval import Interval


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The settings of one run.

    Attributes:
        capital_base: Cash at the start.
        frequency: Text of the interval of a bar, e.g. "1d".
        calendar: Name of the trading calendar.
        start: Label of the first session.
        end: Label of the last session; None on a feed without end.
        frames: Kind of frames that strategies see: "polars" or "pandas".
        zipline_quirks: Restore zipline's quirks that are mended by default.
        params: Overrides of the strategy's parameters.
        commission: Commission model, None for the default.
        slippage: Slippage model, None for the default.
        benchmark: Symbol of the benchmark, or None.
        on_error: Effect of an exception in a callback: "raise" ends the run, "continue"
            keeps and counts it.
        max_errors: With "continue": trading halts after this many errors in a row.
    """

    capital_base: Decimal
    frequency: str
    calendar: str
    start: date
    end: date | None
    frames: Literal["polars", "pandas"] = "polars"
    zipline_quirks: bool = False
    params: dict[str, Any] = field(default_factory=dict)
    commission: CommissionLike | None = None
    slippage: SlippageLike | None = None
    benchmark: str | None = None
    on_error: Literal["raise", "continue"] = "raise"
    max_errors: int = 10

    @property
    def interval(self) -> Interval:
        """Length of a bar."""
        return Interval.parse(self.frequency)

    @property
    def intraday(self) -> bool:
        """Whether a session has several bars."""
        return self.interval.intraday

    @property
    def sessions(self) -> TradingCalendar:
        """The run's calendar; with weekly or monthly bars, each week or month is one of
        its sessions.
        """
        return calendar_of(get_calendar(self.calendar), self.interval)
