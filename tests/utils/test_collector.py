"""The garbage collector has its thresholds back after a backtest, however it ended."""

from __future__ import annotations

import gc
import weakref

import pytest

import rbtlive as rbt
from rbtlive.runtime.garbage_collection import COLLECT_AFTER, RARE, rare_collections
from tests.builders import Hold, daily_frame


def test_blocks_may_overlap_and_the_last_one_restores() -> None:
    before = gc.get_threshold()

    with rare_collections():
        with rare_collections():
            assert gc.get_threshold() == RARE
        assert gc.get_threshold() == RARE

    assert gc.get_threshold() == before


def test_an_exception_restores_too() -> None:
    before = gc.get_threshold()

    with pytest.raises(KeyboardInterrupt), rare_collections():
        raise KeyboardInterrupt

    assert gc.get_threshold() == before


def test_a_collector_that_is_off_or_was_set_inside_is_left_alone() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(0)
        with rare_collections():
            assert gc.get_threshold()[0] == 0
        gc.set_threshold(*before)
        with rare_collections():
            gc.set_threshold(123, 4, 5)
        assert gc.get_threshold() == (123, 4, 5)
    finally:
        gc.set_threshold(*before)


class _Kept:
    pass


def test_what_was_made_inside_counts_as_old_and_is_still_collected() -> None:
    with rare_collections():
        kept = _Kept()
        lost = _Kept()
        lost.itself = lost  # type: ignore[attr-defined]
        gone = weakref.ref(lost)
        del lost

    assert any(one is kept for one in gc.get_objects(generation=2))
    gc.collect()
    assert gone() is None


def test_what_somebody_froze_stays_frozen() -> None:
    try:
        gc.freeze()
        with rare_collections():
            pass
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_of_many_runs_that_nobody_holds_few_are_in_memory() -> None:
    portal = rbt.PolarsDataPortal(daily_frame())
    contexts = [weakref.ref(rbt.backtest(Hold, portal).context) for _ in range(3 * COLLECT_AFTER)]

    assert sum(context() is not None for context in contexts) <= COLLECT_AFTER
