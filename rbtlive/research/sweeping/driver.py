"""Execute many runs in a pool, or in this process; rows come as runs finish.

The rule: a run whose worker died is tried again, alone in a worker; if that worker dies
too, the run becomes a row with that error.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from time import perf_counter
from typing import Any, Final

from rbtlive.research.sweeping.job import pass_size, run_all, timed_out
from rbtlive.research.sweeping.params import Params
from rbtlive.research.sweeping.pools import Pool
from rbtlive.research.sweeping.time_limit import BLOCKED_S
from rbtlive.research.sweeping.work import Job, RunRow
from rbtlive.runtime.garbage_collection import old_objects_left_alone

SOON_S: Final = 0.25
"""The size of a batch is chosen to take about this long."""
AHEAD: Final = 3
"""Batches in flight for each worker."""

Numbered = tuple[int, Params]

_LOST: Final = (
    "LostWorker: the worker process died each time it ran these parameters (killed, crashed, or "
    "out of memory)"
)


def run_here(job: Job, tasks: Sequence[Numbered]) -> Iterator[tuple[int, RunRow]]:
    """Yield the row of each task, run in this process; in one pass if possible."""
    size = pass_size(job)
    with old_objects_left_alone():
        for low in range(0, len(tasks), size):
            part = tasks[low : low + size]
            rows = run_all(job, [params for _, params in part])
            yield from ((number, row) for (number, _), row in zip(part, rows, strict=True))


def run_in(
    pool: Pool, tasks: Sequence[Numbered], timeout: float | None = None
) -> Iterator[tuple[int, RunRow]]:
    """Yield the row of each task when it is finished.

    Lost workers are replaced, and their runs are repeated, first in the same batches,
    then one at a time. Workers that are blocked beyond `timeout` seconds per run count
    as lost.
    """
    left = yield from _round(pool, tasks, size=None, timeout=timeout)
    workers = pool.workers
    if left:
        pool.restart(workers)
        left = yield from _round(pool, left, size=1, timeout=timeout)
    for task in left:
        pool.restart(1)
        begun = perf_counter()
        lost = yield from _round(pool, [task], size=1, timeout=timeout)
        if lost:
            number, params = task
            error = _LOST
            if timeout is not None and perf_counter() - begun > timeout:
                error = timed_out(timeout)
            yield number, RunRow(params, error=error)
    if left:
        pool.restart(workers)


# One pass over the tasks; returns the lost ones. With `size` None, batches grow until
# they take about `SOON_S`.
def _round(
    pool: Pool, tasks: Sequence[Numbered], *, size: int | None, timeout: float | None
) -> Any:  # a generator of rows that returns the lost tasks
    waiting = deque(tasks)
    flying: dict[Any, list[Numbered]] = {}
    lost: list[Numbered] = []
    batch_size = size or 1
    try:
        while waiting or flying:
            while waiting and len(flying) < pool.workers * AHEAD and not lost:
                batch = list(islice(waiting, batch_size))
                future = pool.submit([params for _, params in batch])
                flying[future] = [waiting.popleft() for _ in batch]
            if not flying:
                break
            longest = max(map(len, flying.values()))
            patience = None if timeout is None else timeout * longest + BLOCKED_S
            done = pool.wait(list(flying), patience)
            if not done:
                pool.kill()
                lost += [task for batch in flying.values() for task in batch]
                break
            for future in done:
                batch = flying.pop(future)
                try:
                    rows = pool.rows(future)
                except pool.lost:
                    lost += batch
                    continue
                yield from ((number, row) for (number, _), row in zip(batch, rows, strict=True))
                if size is None:
                    batch_size = _next_size(rows, len(waiting), pool.workers)
    except pool.lost:  # all workers were already gone at submission
        lost += [task for batch in flying.values() for task in batch]
    return sorted([*lost, *waiting], key=lambda task: task[0])


def _next_size(rows: Sequence[RunRow], left: int, workers: int) -> int:
    seconds = sum(row.seconds for row in rows) / len(rows)
    wanted = int(SOON_S / max(seconds, 1e-4))
    return max(1, min(wanted, left // (2 * workers) or 1))
