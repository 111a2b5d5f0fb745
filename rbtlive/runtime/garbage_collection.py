"""Fewer garbage collections while a backtest makes orders and rows that it keeps.

The rule: the collector is never switched off, and gets its thresholds back when the
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
"""New objects between two collections of the youngest generation, and how rare those of
the older ones are: Python's default looks at all orders of a run again and again, a
tenth of its time, and finds nothing: a run makes no cycles.
"""

COLLECT_AFTER = 8
"""So many runs may be forgotten and still be there. A finished run is no cycle, and is
free with its result; a strategy can make it one, and being old it would never be met by
a collection of Python's own accord, however often a loop over parameters runs.
"""

_lock = threading.Lock()
_runs = 0
_left_alone = False
_before = gc.get_threshold()


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect garbage less often within this block; blocks may overlap, in several
    threads too.
    """
    global _runs, _before  # noqa: PLW0603 - the collector is one for the process
    with _lock:
        _runs += 1
        if _runs == 1:
            _before = gc.get_threshold()
            if 0 < _before[0] < RARE[0]:  # 0 is off: somebody had a reason for that
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
    """Keep what is there already out of garbage collections within this block: a run is
    a cycle that one has to find, and looking through all that a notebook holds for it
    would make many runs the dearer the more it has kept.
    """
    global _left_alone  # noqa: PLW0603 - the collector is one for the process
    with _lock:
        nested = _left_alone or not gc.isenabled() or bool(gc.get_freeze_count())
        if not nested:
            _left_alone = True
            gc.freeze()
    try:
        yield
    finally:
        if not nested:
            gc.collect()
            with _lock:
                _left_alone = False
                gc.unfreeze()


# What a run has made stays, and would all be looked at as soon as the thresholds are
# back. Objects that are frozen and thawed are the oldest ones, which are looked at
# last. What somebody else has frozen is left alone.
def _count_as_old() -> None:
    if len(_orphans) >= COLLECT_AFTER and gc.isenabled():
        _orphans[:] = [orphan for orphan in _orphans if orphan() is not None]
        if len(_orphans) >= COLLECT_AFTER:
            gc.collect()
            _orphans.clear()  # those that are left are held by somebody
            return
    if not _left_alone and not gc.get_freeze_count():  # to count them takes its time
        gc.freeze()
        gc.unfreeze()


# States of runs whose results are gone; nearly all are gone with them.
_orphans: list[weakref.ref[Any]] = []


def forget_with(result: object, state: object) -> None:
    """Collect garbage, now and then, if a run's state is left in memory once its result
    is gone.
    """
    held = weakref.ref(state)
    weakref.finalize(result, _orphans.append, held).atexit = False
