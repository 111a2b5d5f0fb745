"""Bind the api's methods to a run's state.

The rule: an unbound object refuses to act, and what changes the run is refused outside
its callbacks.
"""

from __future__ import annotations

from contextvars import ContextVar

from rbtlive.core.run_state import RunState
from rbtlive.errors import CalledOutsideStrategy, OrderInBeforeTradingStart


class Bound:
    """Base of objects whose methods act on the run they are bound to."""

    _run: RunState | None = None

    def _changing(self, method: str) -> RunState:
        # The run, for a method that changes its actions: a replay repeats such a call
        # only if a callback makes it.
        state = self._run
        if (
            state is not None
            and state.acting
            and state.thread_now is not None
            and state.thread_now() == state.own_thread
        ):
            return state
        state = self._running(method)
        if not state.is_in_callback:
            raise CalledOutsideStrategy(
                f"{method}() changes the run and must be called inside a callback: a task, a "
                "thread or a cell cannot, because a replay would not find the call again; pass "
                "a function to session.call(function), which runs it as function(context, data) "
                "and journals that it did"
            )
        return state

    def _ordering(self, method: str) -> RunState:
        # The run, for a method that places orders.
        state = self._run
        if (
            state is not None
            and state.acting
            and not state.in_before_trading_start
            and state.thread_now is not None
            and state.thread_now() == state.own_thread
        ):
            return state
        return self._running(method, orders=True)

    def _running(self, method: str, *, orders: bool = False) -> RunState:
        state = self._run
        if orders and state is not None and not state.is_in_callback:
            state = self._changing(method)
        if state is None:
            raise CalledOutsideStrategy(
                f"{method}() must be called during a run: use it inside a callback of a strategy "
                "given to rbtlive.backtest() or rbtlive.attach()"
            )
        if orders and state.in_before_trading_start:
            raise OrderInBeforeTradingStart(
                f"{method}() cannot be called in before_trading_start: place orders in handle_data "
                "or in a scheduled function"
            )
        return state


def bind(owner: Bound, state: RunState) -> None:
    """Bind the methods of `owner` to a run."""
    owner._run = state  # noqa: SLF001 - a class of this module


ACTIVE: ContextVar[Bound | None] = ContextVar("rbtlive_active", default=None)
"""The algorithm whose callback is running; the module-level functions of `rbtlive.api`
use it.
"""
