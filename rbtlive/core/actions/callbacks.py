"""Calls the user's callbacks, survives them if need be, and delivers notices of their
orders in the order things happened.

The rule: an exception of a callback ends the run or is kept and counted, by one
setting; it never changes what was booked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rbtlive.core.actions.error_notes import note_step
from rbtlive.core.actions.user_code import note_where, user_line
from rbtlive.core.rules.plain_functions import refuse_unrun
from rbtlive.core.run_state import RunState
from rbtlive.core.shown.order_views import OrderView
from rbtlive.core.state.order import Order
from rbtlive.errors import HistoryWindowStartsBeforeData, TooManyErrors
from rbtlive.model.events import SystemErrorEvent
from rbtlive.model.foreign_text import text_of

BROKER_SOURCE = "broker "
"""Begins the source of a system error that is a message of a real broker."""


ENDS_PROGRAMS = (SystemExit, KeyboardInterrupt)
"""What a callback that raises it ends its run with, whatever on_error says."""


MOST_CHARACTERS: Final = 4_000
"""Of an exception's text so many are shown."""


def describe_error(failure: BaseException) -> str:
    """Return an exception's class and text, of a long one the beginning; a user's own
    may even fail to print.
    """
    text = text_of(failure)
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]}… ({len(text):,} characters)"
    return f"{type(failure).__name__}: {text}" if text else type(failure).__name__


def call(state: RunState, callback: Callable[..., Any], *args: object) -> None:
    """Call a callback, then deliver what it gave rise to."""
    try:
        result = callback(*args)
        if result is not None:
            refuse_unrun(result, "a callback")
    except BaseException as failure:  # noqa: BLE001 - around a user's callback
        survive(state, failure, _name(callback))
    else:
        if state.callbacks.failing:
            excuse(state, _name(callback))
    state.keep_decimals()
    if state.callbacks.waiting:
        deliver(state)


def survive(state: RunState, failure: BaseException, callback: str) -> None:
    """End the run by `failure` of a callback, or keep it and go on: what on_error asks
    for.

    Raises:
        BaseException: `failure` itself, with on_error="raise", if it asks the program
            to end, or if the run begins anew where its windows fit.
    """
    note_where(state, failure)
    note_step(failure, frames=state.settings.frames)
    callbacks = state.callbacks
    if state.settings.on_error == "raise" or isinstance(failure, ENDS_PROGRAMS):
        raise failure
    if callbacks.begins_later and isinstance(failure, HistoryWindowStartsBeforeData):
        raise failure
    callbacks.failures.append(failure)
    callbacks.failure_count += 1
    where = user_line(failure)
    text = f"a callback failed at {state.now}: {describe_error(failure)} (in {where})"
    state.on_message("error", text)
    if isinstance(failure, HistoryWindowStartsBeforeData):
        return  # the bars that it waits for will come
    callbacks.failing[callback] = callbacks.failing.get(callback, 0) + 1
    in_a_row = sum(callbacks.failing.values())
    if in_a_row >= state.settings.max_errors and state.trading_state != "halted":
        text = f"{in_a_row} callbacks in a row failed"
        callbacks.failures.append(TooManyErrors(f"{text}: trading is halted until resume()"))
        state.halt(text)


def excuse(state: RunState, callback: str) -> None:
    """Forget the failures in a row of a callback that has succeeded."""
    state.callbacks.failing.pop(callback, None)


def _name(callback: Callable[..., Any]) -> str:
    return str(getattr(callback, "__qualname__", None) or type(callback).__qualname__)


def notice(state: RunState, hook: str, order: Order, *args: object) -> None:
    """Note something about an order for the strategy's hook, if it has one."""
    if state.callbacks.hooks[hook] is not None:
        state.callbacks.waiting.append((hook, (OrderView(order, state.presenter), *args)))


def deliver(state: RunState) -> None:
    """Call the hooks of what was noted, in the order it happened; a paused run hears
    nothing.
    """
    callbacks = state.callbacks
    while callbacks.waiting:
        hook, args = callbacks.waiting.popleft()
        callback = callbacks.hooks[hook]
        if callback is not None and not state.paused:
            call(state, callback, callbacks.context, *args)


def on_system_error(state: RunState, event: SystemErrorEvent) -> None:
    """Pass a real broker's message on to the strategy."""
    callback = state.callbacks.hooks["on_broker_message"]
    if callback is not None and event.source.startswith(BROKER_SOURCE) and not state.paused:
        call(state, callback, state.callbacks.context, event.message)
