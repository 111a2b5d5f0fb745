"""Callbacks are plain functions: what would be made and never run is refused by name."""

from __future__ import annotations

import functools

import pytest

import rbtlive as rbt
from rbtlive.errors import NotAStrategy
from tests.builders import Hold, daily_frame, processed, run

CALLBACKS = [
    "initialize",
    "before_trading_start",
    "handle_data",
    "analyze",
    "on_order_fill",
    "on_order_reject",
]


async def later(*_args):
    """Never run."""


def stepwise(*_args):
    yield


async def stepwise_later(*_args):
    yield


class Calls:
    async def __call__(self, *_args):
        """Never run."""


LAZY = {
    "coroutine": later,
    "generator": stepwise,
    "async generator": stepwise_later,
    "partial": functools.partial(later, 1),
    "object": Calls(),
}


def strategy(**callbacks):
    return {"__name__": "lazy", "handle_data": lambda _context, _data: None, **callbacks}


@pytest.mark.parametrize("kind", LAZY)
@pytest.mark.parametrize("name", CALLBACKS)
def test_a_callback_that_would_never_run_is_refused_by_name(name, kind):
    with pytest.raises(NotAStrategy, match=rf"^{name} of strategy 'lazy' must be a plain function"):
        rbt.backtest(strategy(**{name: LAZY[kind]}), daily_frame(3), progress=False)


def test_a_method_that_would_never_run_is_refused_by_name():
    class Later(rbt.TradingAlgorithm):
        async def handle_data(self, context, data):
            """Never run."""

    with pytest.raises(NotAStrategy, match=r"handle_data of strategy 'Later' .* `async def`"):
        rbt.backtest(Later, daily_frame(3), progress=False)


@pytest.mark.parametrize("kind", LAZY)
def test_a_scheduled_function_that_would_never_run_is_refused(kind):
    def initialize(context):
        context.schedule_function(LAZY[kind])

    with pytest.raises(TypeError, match=r"func of schedule_function\(\) must be a plain function"):
        rbt.backtest(strategy(initialize=initialize), daily_frame(3), progress=False)


def test_what_cannot_be_called_is_refused_when_it_is_scheduled():
    def initialize(context):
        context.schedule_function(None)

    with pytest.raises(TypeError, match=r"func of schedule_function\(\) must be a function: was N"):
        rbt.backtest(strategy(initialize=initialize), daily_frame(3), progress=False)


@pytest.mark.parametrize("make", [later, stepwise, stepwise_later])
@pytest.mark.parametrize("name", ["initialize", "handle_data", "before_trading_start"])
def test_a_callback_that_returns_what_would_never_run_fails(name, make):
    def hidden(*args):
        return make(*args)

    given = strategy(**{name: hidden})

    with pytest.raises(TypeError, match="it would be made and never run"):
        rbt.backtest(given, daily_frame(3), progress=False)


def test_a_callback_may_return_anything_else():
    given = strategy(handle_data=lambda _context, _data: iter([1]))

    assert len(rbt.backtest(given, daily_frame(3), progress=False).performance) == 3


def test_a_function_called_in_a_session_must_be_plain(tmp_path):
    async def asked():
        feed = rbt.ReplayFeed(daily_frame(5), speed=1)
        session = rbt.attach(Hold, rbt.PaperBroker(), feed=feed, journal=tmp_path)
        await processed(session, 1)
        said = []
        for function in (later, stepwise, lambda _context, _data: later(), None):
            with pytest.raises(TypeError) as refused:
                await session.call(function)
            said.append(str(refused.value))
        await session.stop()
        return said

    said = run(asked())

    assert all(line.startswith("the function of session.call() ") for line in said)
    assert [line.split()[4] for line in said] == ["must", "must", "returned", "must"]
