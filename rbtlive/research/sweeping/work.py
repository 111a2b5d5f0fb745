"""The input of a sweep's workers, and the row that they return for each run.

The rule: both are plain values that can be sent between processes.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rbtlive.core.state.settings import RunSettings
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.foreign_text import notes_of
from rbtlive.research.sweeping.objectives import Objective
from rbtlive.research.sweeping.params import Params
from rbtlive.runtime.log import WHERE


@dataclass(slots=True)
class RunRow:
    """The stored data of one run.

    Attributes:
        params: Its parameters.
        metrics: Its metrics by name; empty if the run itself failed.
        values: The objectives' values.
        seconds: Run time.
        error: The error, with the line of the user's code; None if nothing failed.
        returns: Daily returns, one per session; None if they are not kept.
        place: File, line and function of the user's code that failed, until `locate`
            reads the line.
    """

    params: Params
    metrics: Mapping[str, float | int | None] = field(default_factory=dict)
    values: tuple[float, ...] = ()
    seconds: float = 0.0
    error: str | None = None
    returns: NDArray[np.float64] | None = None
    place: tuple[str, int, str] | None = None

    def locate(self, strategy: object) -> RunRow:
        """Add the user's line to the error, in the process that has its source: a
        worker does not have that of a notebook's cell.
        """
        if self.place is not None:
            file, line, function = self.place
            if file.startswith("<"):  # pickled by value, without the name of its file
                file = _file_of(strategy, function) or file
            source = linecache.getline(file, line).strip()
            self.error = f"{self.error} (line {line} of {function}: {source})"
            self.place = None
        return self


def error_text(failure: BaseException) -> str:
    """Return the text of an exception with the notes that say what to write instead;
    without the note of the bar, because the row adds the line.
    """
    steps = [note for note in notes_of(failure) if not note.startswith(WHERE)]
    return "; ".join([f"{type(failure).__name__}: {failure}", *steps])


def _file_of(strategy: object, function: str) -> str | None:
    names = strategy if isinstance(strategy, dict) else None
    for name in (function, "handle_data", "initialize", "before_trading_start"):
        found = names.get(name) if names is not None else getattr(strategy, name, None)
        code = getattr(inspect.unwrap(found), "__code__", None) if callable(found) else None
        if code is not None and "rbtlive" not in Path(code.co_filename).parent.parts[-2:]:
            return str(code.co_filename)
    return None


@dataclass(slots=True, kw_only=True)
class Job:
    """The data shared by all runs of a sweep.

    Attributes:
        strategy: The strategy, as `backtest` takes it.
        portal: The bars.
        settings: Checked settings; each run adds its parameters.
        objectives: The objectives.
        keep_returns: Whether rows keep the daily returns.
        free_start: Whether a run begins where its windows fit, if that is later.
        columnar: Whether many runs are computed in one pass.
        timeout: Maximum seconds per run; None is unlimited.
    """

    strategy: Any
    portal: PolarsDataPortal
    settings: RunSettings
    objectives: tuple[Objective, ...]
    keep_returns: bool = True
    free_start: bool = False
    columnar: bool = False
    timeout: float | None = None

    def sessions(self) -> int:
        """Return the number of sessions per run."""
        calendar, end = self.portal.calendar, self.settings.end
        assert end is not None
        return calendar.number(end) - calendar.number(self.settings.start) + 1
