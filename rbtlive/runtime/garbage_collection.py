"""Fewer garbage collections while a backtest creates orders and rows that it keeps.

The rule: the collector is never switched off, and its thresholds are restored when the
last run has ended.
"""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

RARE = (50_000, 20, 100)
"""New objects between two collections of the youngest generation, and how rare
collections of the older ones are. Python's defaults would scan all orders of a run
again and again, for a tenth of its time, and find nothing: a run creates no cycles.
"""

COLLECT_AFTER = 8
"""Maximum forgotten runs still in memory. A finished run is not a cycle and is freed
with its result, but a strategy can make it one. Being old, it would never be reached by
Python's own collections, however often a loop over parameters runs.
"""

_lock = threading.Lock()
_runs = 0
_left_alone = False
_before = gc.get_threshold()


@contextmanager
def rare_collections() -> Iterator[None]:
    """Make garbage collections rarer within this block; blocks may overlap, also in
    several threads.
    """
    global _runs, _before  # noqa: PLW0603 - the process has one collector
    with _lock:
        _runs += 1
        if _runs == 1:
            _before = gc.get_threshold()
            if 0 < _before[0] < RARE[0]:  # 0 means off: someone had a reason for that
                gc.set_threshold(*RARE)
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            if _runs == 0 and gc.get_threshold() == RARE:
                _count_as_old()
                gc.set_threshold(*_before)


@contextmanager
def old_objects_left_alone() -> Iterator[None]:
    """Exclude existing objects from garbage collections within this block. Finding a
    run that is a cycle would scan everything that a notebook holds, so many runs would
    cost more the more it has kept.
    """
    global _left_alone  # noqa: PLW0603 - the process has one collector
    with _lock:
        nested = _left_alone or not gc.isenabled() or bool(gc.get_freeze_count())
        if not nested:
            _left_alone = True
            gc.freeze()
    try:
        # For all runs together: after each, all that it has made would be scanned.
        with rare_collections():
            yield
    finally:
        if not nested:
            gc.collect()
            with _lock:
                _left_alone = False
                gc.unfreeze()


# A run's objects stay, and would all be scanned as soon as the thresholds are restored.
# Freezing and thawing moves them to the oldest generation, which is scanned last.
# Objects that others have frozen are left alone.
def _count_as_old() -> None:
    if len(_orphans) >= COLLECT_AFTER and gc.isenabled():
        _orphans[:] = [orphan for orphan in _orphans if orphan() is not None]
        if len(_orphans) >= COLLECT_AFTER:
            gc.collect()
            _orphans.clear()  # the remaining ones are still referenced
            return
    if not _left_alone and not gc.get_freeze_count():  # counting them takes time
        gc.freeze()
        gc.unfreeze()


# States of runs whose results are gone; nearly all are freed with them.
_orphans: list[weakref.ref[Any]] = []


def forget_with(result: object, state: object) -> None:
    """Collect garbage occasionally, if a run's state stays in memory after its result
    is gone.
    """
    held = weakref.ref(state)
    weakref.finalize(result, _orphans.append, held).atexit = False
