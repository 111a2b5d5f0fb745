"""A run has code of its own; one that is over gives its class to the next."""

from __future__ import annotations

import pickle
from typing import Any

import cloudpickle
import pytest

import rbtlive as rbt
from rbtlive.core.strategy.own_code import class_of_its_own
from tests.builders import daily_frame

PORTAL = rbt.PolarsDataPortal(daily_frame())


def seen_by(strategy: Any, **params: Any) -> Any:
    return rbt.backtest(strategy, PORTAL, params=params, progress=False).context.seen


class Counting(rbt.TradingAlgorithm):
    step = 1

    def initialize(self, context: Any) -> None:
        context.seen = [self.step]

    def handle_data(self, context: Any, data: Any) -> None:
        context.seen.append(type(self))


class Marking(rbt.TradingAlgorithm):
    runs = 0

    def initialize(self, context: Any) -> None:
        type(self).runs += 1
        context.seen = self.runs

    def handle_data(self, context: Any, data: Any) -> None:
        """Do nothing."""


def test_runs_one_after_the_other_share_a_class() -> None:
    classes = {cls for _ in range(3) for cls in seen_by(Counting)[1:]}

    assert len(classes) == 1
    assert Counting not in classes


def test_runs_at_the_same_time_do_not() -> None:
    first, second = class_of_its_own(Counting), class_of_its_own(Counting)

    assert first.made is not second.made


def test_parameters_of_one_run_are_not_those_of_the_next() -> None:
    assert seen_by(Counting, step=5)[0] == 5
    assert seen_by(Counting)[0] == 1


def test_what_a_run_sets_on_its_class_ends_with_it() -> None:
    assert [seen_by(Marking) for _ in range(3)] == [1, 1, 1]
    assert Marking.runs == 0


def test_new_code_of_a_class_is_the_next_run_s(monkeypatch: pytest.MonkeyPatch) -> None:
    class Edited(Counting):
        def initialize(self, context: Any) -> None:
            context.seen = ["old"]

    def newer(_self: Any, context: Any) -> None:
        context.seen = ["new"]

    assert seen_by(Edited)[0] == "old"
    Edited.initialize.__code__ = newer.__code__
    assert seen_by(Edited)[0] == "new"
    monkeypatch.setattr(Counting, "step", 9)
    Edited.initialize = Counting.initialize
    assert seen_by(Edited)[0] == 9


def test_a_class_travels_without_those_made_of_it() -> None:
    before = len(cloudpickle.dumps(type("Fresh", (Counting,), {"__module__": "__main__"})))
    kind = type("Fresh", (Counting,), {"__module__": "__main__"})
    seen_by(kind)

    assert len(cloudpickle.dumps(kind)) < before + 200
    assert pickle.loads(pickle.dumps(Counting)) is Counting
