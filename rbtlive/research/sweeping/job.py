"""One run of a sweep: from parameters to a row of figures.

The rule: a run that fails becomes a row with its error; its objects are gone before the
next run starts.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from time import perf_counter
from typing import Final

from rbtlive.data.forked_polars import refuse_in_forked_child
from rbtlive.model.arrays import NDArray, np
from rbtlive.research.signals.columnar_gear import batch_size, run_columns
from rbtlive.research.sweeping.lean import run_lean
from rbtlive.research.sweeping.objectives import RunView
from rbtlive.research.sweeping.params import Params
from rbtlive.research.sweeping.time_limit import RunTimedOut, call_within
from rbtlive.research.sweeping.travel import Parcel, is_installed_name
from rbtlive.research.sweeping.work import Job, RunRow, error_text

TIMED_OUT: Final = RunTimedOut.__name__


def pass_size(job: Job) -> int:
    """Return how many runs to do together in one process."""
    return batch_size(job.sessions()) if job.columnar else 1


def run_all(job: Job, batch: Sequence[Params]) -> list[RunRow]:
    """Run several sets of parameters."""
    if job.columnar:
        return run_columns(job, batch)
    return [run_one(job, params) for params in batch]


def _measure(job: Job, params: Params, row: RunRow) -> None:
    run = run_lean(job.strategy, job.portal, job.settings, params, free_start=job.free_start)
    try:
        # Before the objectives: if one fails, the run keeps its metrics.
        row.metrics = run.metrics
        view = RunView(run.metrics, params, run.result)
        values = tuple(objective.value(view) for objective in job.objectives)
        returns = _aligned(job, run.returns) if job.keep_returns else None
    finally:
        run.release()
    row.values, row.returns = values, returns


def run_one(job: Job, params: Params) -> RunRow:
    """Run one set of parameters; an exception becomes the row's error. Any exception,
    including `sys.exit()`, ends only that run; an interrupt ends the sweep.
    """
    begun = perf_counter()
    row = RunRow(params)
    try:
        call_within(job.timeout, lambda: _measure(job, params, row))
    except KeyboardInterrupt:
        raise
    except RunTimedOut as failure:
        assert job.timeout is not None
        row.error, row.place = timed_out(job.timeout), place_of(failure)
    except BaseException as failure:  # noqa: BLE001 - a user's code; the row keeps it
        row.error = error_text(failure)
        row.place = place_of(failure)
    row.seconds = perf_counter() - begun
    return row


def timed_out(timeout: float) -> str:
    """Return the error of a run that took too long."""
    return f"{TIMED_OUT}: the run took longer than timeout={timeout:g} s"


# A run that began later than others held cash before.
def _aligned(job: Job, returns: NDArray[np.float64]) -> NDArray[np.float64]:
    missing = job.sessions() - len(returns)
    return np.concatenate([np.zeros(missing), returns]) if missing > 0 else returns


def place_of(failure: BaseException) -> tuple[str, int, str] | None:
    """Return file, line and function of the user's code that an exception came through
    last; None if there was none.
    """
    found, elsewhere = None, None
    for frame, line in traceback.walk_tb(failure.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        place = (frame.f_code.co_filename, line, frame.f_code.co_name)
        if module.startswith("rbtlive."):
            continue
        if is_installed_name(module):  # a library that the user's code called
            elsewhere = place
        else:
            found = place
    return found or elsewhere


def run_batch(parcel: Parcel, batch: Sequence[Params]) -> list[RunRow]:
    """Run several sets of parameters in this process; this is a worker's task."""
    refuse_in_forked_child("a run")  # before the bars are read, where polars would wait
    job: Job = parcel.open()
    return run_all(job, batch)
