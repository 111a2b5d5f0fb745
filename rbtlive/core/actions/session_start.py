"""The start of a session: dividends, splits, starting figures, and the morning
callback.

The rule: starting figures are taken after dividends and before splits.
"""

from __future__ import annotations

from rbtlive.core.actions.callbacks import call
from rbtlive.core.actions.corporate_actions import apply_splits, pay_dividends
from rbtlive.core.actions.pipelines import compute_eager
from rbtlive.core.actions.session_close import finish_session
from rbtlive.core.run_state import RunState
from rbtlive.data.calendars.calendar import us_of
from rbtlive.errors import InvariantBroken, RbtliveWarning
from rbtlive.model.calls import warn_user
from rbtlive.model.events import TRIGGERS, ScheduledTriggerEvent


def enter_session(state: RunState, session: int) -> None:
    """Begin `session`, and close the one before if it is still open.

    Raises:
        InvariantBroken: the session has already ended.
    """
    market = state.market
    if state.session_open:
        if session == market.session:
            return
        finish_session(state)
    if session < market.session:
        raise InvariantBroken(
            f"session {state.calendar.label(session)} comes after {state.session_label}: bars "
            "must not go back"
        )
    market.open_session(session)
    state.session_open = True
    note_times(state, session)
    state.start_hook_done = not _has_morning(state)
    # A remote broker's changes since the last close belong to this session.
    state.books.begin()
    # If nothing has changed since the last close, positions start at its prices.
    untouched = _is_as_it_closed(state)
    pay_dividends(state, session)
    _take_starting_figures(state, untouched=untouched)
    apply_splits(state, session)


def _has_morning(state: RunState) -> bool:
    return state.callbacks.before_trading_start is not None or state.pipelines.has_eager


def warn_of_no_morning(state: RunState) -> None:
    """Warn if `before_trading_start` is due after the close, so that it never runs."""
    morning = state.callbacks.before_trading_start
    if morning is None:
        return
    calendar, first = state.calendar, state.market.session
    if calendar.morning_us(first) <= calendar.closes_us[first]:
        return
    warn_user(
        f"before_trading_start never runs on {calendar.name}: it is due at 08:45 in New York, "
        "after each close, as in zipline; do its work in a function that you schedule, e.g. "
        "schedule_function(func, date_rules.every_day(), time_rules.market_open())",
        RbtliveWarning,
        about=morning,
    )


def note_times(state: RunState, session: int) -> None:
    """Set the times of the open, the close and the morning callback of `session`."""
    calendar = state.calendar
    state.session_span = (calendar.opens_us.item(session), calendar.closes_us.item(session))
    if _has_morning(state):
        state.morning_us = calendar.morning_us(session)


def _is_as_it_closed(state: RunState) -> bool:
    books = state.books
    return (
        books.closed_marks == state.marks.version
        and books.closed_version == state.portfolio.version
    )


def _take_starting_figures(state: RunState, *, untouched: bool) -> None:
    books, portfolio = state.books, state.portfolio
    books.starting_cash = portfolio.cash
    books.starting_base = portfolio.capital_base
    books.rows_before = len(books.rows)
    books.starting_value = None if untouched else portfolio.positions_value


def start_hook_if_due(state: RunState, us: int) -> None:
    """Compute the eager pipelines and call `before_trading_start`, if it is due and has
    not run in this session.
    """
    if state.start_hook_done or us < state.morning_us:
        return
    state.start_hook_done = True
    callback = state.callbacks.before_trading_start
    if state.paused:
        return
    state.market.before_trading_start(state.market.session)
    state.in_before_trading_start = True
    try:
        # What is ordered now was not placed at the bar that those were which wait.
        with state.orders.waiting.barred():
            if state.pipelines.has_eager:
                call(state, compute_eager, state)
            if callback is not None:
                call(state, callback, state.callbacks.context, state.data)
    finally:
        state.in_before_trading_start = False


def on_trigger(state: RunState, event: ScheduledTriggerEvent) -> None:
    """Begin or close a session, or call the morning's callback, without a bar.

    Raises:
        InvariantBroken: the trigger's name is unknown.
    """
    us = us_of(event.timestamp)
    if event.name == "session_start":
        session = state.calendar.session_of_us(us)
        if session > state.market.session or not state.session_open:
            enter_session(state, session)
    elif event.name == "before_trading_start":
        enter_session(state, state.calendar.next_session(us))
        start_hook_if_due(state, us)
    elif event.name == "session_end":
        if state.session_open:
            finish_session(state)
    else:
        raise InvariantBroken(
            f"a trigger must be one of {', '.join(sorted(TRIGGERS))}: was {event.name!r:.80}"
        )
