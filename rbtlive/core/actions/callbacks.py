"""Call the user's callbacks, handle their exceptions, and deliver order notices in the
order things happened.

The rule: one setting decides whether a callback's exception ends the run or is kept and
counted; it never changes what was booked.
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
"""Prefix of a system error's source where the error is a real broker's message."""


ENDS_PROGRAMS = (SystemExit, KeyboardInterrupt)
"""Exceptions of a callback that end its run whatever `on_error` says."""


MOST_CHARACTERS: Final = 4_000
"""An exception's text is cut to this many characters."""


def describe_error(failure: BaseException) -> str:
    """Return an exception's class and text, cut if long; a user's own exception may
    even fail to print.
    """
    text = text_of(failure)
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]}… ({len(text):,} characters)"
    return f"{type(failure).__name__}: {text}" if text else type(failure).__name__


def call(state: RunState, callback: Callable[..., Any], *args: object) -> None:
    """Call a callback, then deliver the notices that it caused."""
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
    """End the run with a callback's `failure`, or keep it and go on, as `on_error`
    says.

    Raises:
        BaseException: `failure` itself, with on_error="raise", if it asks the program
            to end, or if the run has to restart where its windows fit.
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
    """Reset the count of consecutive failures once a callback succeeds."""
    state.callbacks.failing.pop(callback, None)


def _name(callback: Callable[..., Any]) -> str:
    return str(getattr(callback, "__qualname__", None) or type(callback).__qualname__)


def notice(state: RunState, hook: str, order: Order, *args: object) -> None:
    """Queue a notice about an order for the strategy's hook, if it has that hook."""
    if state.callbacks.hooks[hook] is not None:
        state.callbacks.waiting.append((hook, (OrderView(order, state.presenter), *args)))


def deliver(state: RunState) -> None:
    """Call the hooks for the queued notices in order; a paused run gets none."""
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
