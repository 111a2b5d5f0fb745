"""Intraday bars that do not end where the calendar's do: counted, reported, refused.

The rule: up to one row in a hundred is left out with a warning, and so are bars in the
exchange's extended hours; more is an error that names the likely cause.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from rbtlive.data.calendars.calendar import Micros
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.data.reading import fit
from rbtlive.data.reading.suggesting import likely_cause
from rbtlive.errors import DataWarning, EmptyData, RowsLost
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.calls import warn_user
from rbtlive.model.interval import MINUTE

_SAMPLE: Final = 100_000
_ENOUGH: Final = 60
"""This many times are enough to show which end of a bar they stamp."""


@dataclass(slots=True)
class LeftOut:
    """Bars outside the calendar: their number, the total, and the first one in
    words.

    Attributes:
        count: Number of these bars.
        total: Number of all bars.
        first: The first of them in words.
        night: Number of these bars in the exchange's extended hours, in data with whole
            sessions.
        times: Distinct times of these bars, or some of them, µs UTC.
    """

    count: int = 0
    total: int = 0
    first: str = ""
    night: int = 0
    times: Micros = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @classmethod
    def of(cls, us: Micros, sessions: NDArray[np.int32], *, grid: BarGrid, first: str) -> LeftOut:
        """Return the bars to leave out among bars that end at `us`.

        Args:
            us: ENDs, µs UTC.
            sessions: The session of each bar, -1 for none.
            grid: The bars' grid.
            first: The first one outside, in words.
        """
        out = sessions < 0
        outside = us[out]
        night = int(fit.in_extended_hours(outside, grid.calendar).sum())
        if night and not fit.whole_sessions(np.unique(us[~out]), grid):
            night = 0
        return cls(len(outside), len(us), first, night, np.unique(us)[:_SAMPLE])

    def add(self, other: LeftOut) -> None:
        """Add the count of another part."""
        self.count += other.count
        self.total += other.total
        self.night += other.night
        self.first = self.first or other.first
        if not len(self.times):
            self.times = other.times

    def judge(self, grid: BarGrid) -> None:
        """Warn of them at the line that has the portal made, or refuse.

        Raises:
            EmptyData: no bar ends where a bar of the calendar does.
            RowsLost: there are too many, or all bars appear to be stamped at their
                start.
        """
        name, interval = grid.calendar.name, grid.interval
        expected = (
            f"the END of a minute in which {name} is open (UTC)"
            if interval == MINUTE
            else f"the END of a {interval} bar, counted from the open of {name} (UTC)"
        )
        if self._too_many(grid):
            self._refuse(expected, grid)
        warn_user(
            f"{self.count} of {self.total} minute_bars are left out: their timestamp is not "
            f"{expected}; the first is {self.first}",
            DataWarning,
        )

    def _refuse(self, expected: str, grid: BarGrid) -> None:
        say: dict[str, str] = {}
        cause = "check the time zone, or pass another calendar"
        if len(self.times) >= _ENOUGH:
            cause, say = likely_cause(self.times, grid=grid, other="start")
        line = f"rbt.read(bars{''.join(f', {key}={value}' for key, value in say.items())})"
        do = f"{cause}; write: {line}" if say else cause
        if self.count == self.total:
            raise EmptyData(
                f"timestamp must be {expected}: was no such minute in any of the {self.count} "
                f"minute_bars, the first is {self.first}; {do}"
            )
        raise RowsLost(
            f"no more than 1 % of minute_bars may be left out: the timestamp of {self.count:,} "
            f"of {self.total:,} is not {expected}, the first is {self.first}; {do}",
            line=line,
        )

    def _too_many(self, grid: BarGrid) -> bool:
        if self.count - self.night > fit.LOSS * self.total or self.count == self.total:
            return True
        # one bar per session is outside, and none would be if all stamps were starts
        return len(self.times) >= _ENOUGH and bool(
            (fit.ends_of(self.times, grid, "start") >= 0).all()
        )
