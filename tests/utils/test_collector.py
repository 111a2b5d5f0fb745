"""The garbage collector has its thresholds back after a backtest, however it ended."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import rbtlive as rbt
from rbtlive.core.trading_core import TradingCore
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


def test_a_run_is_free_with_its_result_without_a_collection() -> None:
    portal = rbt.PolarsDataPortal(daily_frame())
    result = rbt.backtest(Hold, portal, progress=False)
    held = weakref.ref(result.context)
    gc.disable()
    try:
        del result
        assert held() is None
    finally:
        gc.enable()


def test_a_result_holds_no_core() -> None:
    gc.collect()
    before = {id(one) for one in gc.get_objects() if type(one) is TradingCore}

    result = rbt.backtest(Hold, rbt.PolarsDataPortal(daily_frame()), progress=False)
    cores = [one for one in gc.get_objects() if type(one) is TradingCore and id(one) not in before]

    assert cores == []
    assert result.context.portfolio.portfolio_value > 0


def test_of_many_runs_that_strategies_have_made_cycles_few_are_in_memory() -> None:
    class Circle(Hold):
        def initialize(self, context: Any) -> None:
            super().initialize(context)
            context.myself = context

    portal = rbt.PolarsDataPortal(daily_frame())
    contexts = [
        weakref.ref(rbt.backtest(Circle, portal, progress=False).context)
        for _ in range(3 * COLLECT_AFTER)
    ]

    assert sum(context() is not None for context in contexts) <= COLLECT_AFTER
