"""One run of a sweep: parameters in, a row of figures out.

The rule: a run that fails is a row with its error; what a run made is gone when the
next one starts.
"""

from __future__ import annotations

import inspect
import linecache
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from rbtlive.core.state.settings import RunSettings
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.arrays import NDArray, np
from rbtlive.research.signals.columns import batch_size, run_columns
from rbtlive.research.sweeping.lean import run_lean
from rbtlive.research.sweeping.objectives import Objective, RunView
from rbtlive.research.sweeping.params import Params
from rbtlive.research.sweeping.travel import Parcel


@dataclass(slots=True)
class RunRow:
    """What is kept of one run.

    Attributes:
        params: Its parameters.
        metrics: Its metrics by name; empty if it failed.
        values: The objectives' values.
        seconds: How long it took.
        error: What went wrong, with the line of the user's code; None if nothing did.
        returns: Daily returns, one a session; None if they are not kept.
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

    def locate(self, strategy: Any) -> RunRow:
        """Add the user's line to the error, in the process that has its source: that
        of a notebook's cell is in no worker.
        """
        if self.place is not None:
            file, line, function = self.place
            if file.startswith("<"):  # travelled by value, without the name of its file
                file = _file_of(strategy, function) or file
            source = linecache.getline(file, line).strip()
            self.error = f"{self.error} (line {line} of {function}: {source})"
            self.place = None
        return self


def _file_of(strategy: Any, function: str) -> str | None:
    names = strategy if isinstance(strategy, dict) else None
    for name in (function, "handle_data", "initialize", "before_trading_start"):
        found = names.get(name) if names is not None else getattr(strategy, name, None)
        code = getattr(inspect.unwrap(found), "__code__", None) if callable(found) else None
        if code is not None and "rbtlive" not in Path(code.co_filename).parent.parts[-2:]:
            return str(code.co_filename)
    return None


@dataclass(slots=True, kw_only=True)
class Job:
    """What all runs of a sweep have in common.

    Attributes:
        strategy: What `backtest` takes.
        portal: The bars.
        settings: Checked settings; each run puts its parameters in.
        objectives: What is maximised.
        keep_returns: Whether rows keep the daily returns.
        free_start: Whether a run begins where its windows fit, if that is later.
        columnar: Whether many runs are computed in one pass.
    """

    strategy: Any
    portal: PolarsDataPortal
    settings: RunSettings
    objectives: tuple[Objective, ...]
    keep_returns: bool = True
    free_start: bool = False
    columnar: bool = False

    def sessions(self) -> int:
        """Return how many sessions a run has."""
        calendar, end = self.portal.calendar, self.settings.end
        assert end is not None
        return calendar.number(end) - calendar.number(self.settings.start) + 1

    def pass_size(self) -> int:
        """Return how many runs are worth doing together in one process."""
        return batch_size(self.sessions()) if self.columnar else 1

    def run_all(self, batch: Sequence[Params]) -> list[RunRow]:
        """Run several sets of parameters."""
        if self.columnar:
            return run_columns(self, batch)
        return [self.run(params) for params in batch]

    def run(self, params: Params) -> RunRow:
        """Run one set of parameters; an exception becomes the row's error."""
        begun = perf_counter()
        try:
            run = run_lean(
                self.strategy, self.portal, self.settings, params, free_start=self.free_start
            )
            view = RunView(run.metrics, params, run.result)
            values = tuple(objective.value(view) for objective in self.objectives)
            returns = self._aligned(run.returns) if self.keep_returns else None
            run.release()
        except Exception as failure:  # noqa: BLE001 - a user's code; the row keeps it
            return RunRow(
                params,
                seconds=perf_counter() - begun,
                error=f"{type(failure).__name__}: {failure}",
                place=place_of(failure),
            )
        return RunRow(params, run.metrics, values, perf_counter() - begun, None, returns)

    # A run that began later than others was in cash before.
    def _aligned(self, returns: NDArray[np.float64]) -> NDArray[np.float64]:
        missing = self.sessions() - len(returns)
        return np.concatenate([np.zeros(missing), returns]) if missing > 0 else returns


def place_of(failure: BaseException) -> tuple[str, int, str] | None:
    """Return file, line and function of the user's code that an exception came through
    last; None if it came through none.
    """
    found = None
    for frame, line in traceback.walk_tb(failure.__traceback__):
        if not str(frame.f_globals.get("__name__", "")).startswith("rbtlive."):
            code = frame.f_code
            found = (code.co_filename, line, code.co_name)
    return found


def run_batch(parcel: Parcel, batch: Sequence[Params]) -> list[RunRow]:
    """Run several sets of parameters in this process; what a worker is given."""
    job: Job = parcel.open()
    return job.run_all(batch)
