"""Process one bar: fills first, then callbacks, then notes of the changed orders.

The rule: `handle_data` sees every fill of its bar, and what it orders can fill from the
next bar on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import getcontext, setcontext

from rbtlive.core.actions.callbacks import call, deliver, excuse, survive
from rbtlive.core.actions.fills import match
from rbtlive.core.actions.resting_fills import Calm, match_resting
from rbtlive.core.actions.session_close import finish_session
from rbtlive.core.actions.session_start import enter_session, start_hook_if_due
from rbtlive.core.rules.plain_functions import refuse_unrun
from rbtlive.core.run_state import RunState
from rbtlive.data.calendars.calendar import us_of
from rbtlive.errors import OutsideCalendar
from rbtlive.model.events import MarketDataEvent


def take_bars(  # noqa: C901, PLR0912 - a call less at every bar
    state: RunState, rows: Iterable[int], rest_orders: Callable[[], None] | None = None
) -> None:
    """Step through rows of the current session and process each as a bar.

    Values that do not change are looked up before the loop: this saves a tenth of an
    empty bar.

    Args:
        state: The run.
        rows: Rows of the market, in order.
        rest_orders: Called before a bar if orders or cancels are waiting to be sent.
    """
    market, callbacks, decimals = state.market, state.callbacks, state.decimals
    orders, data, row_us = state.orders, state.data, market.rows_us()
    open_orders, waiting_orders = orders.book, orders.waiting
    calm: Calm | None = None
    fresh_orders = waiting_orders.amounts
    handle_data, context, waiting = callbacks.handle_data, callbacks.context, callbacks.waiting
    failing = callbacks.failing
    for row in rows:
        if getcontext() is not decimals:
            setcontext(decimals)
        if rest_orders is not None and state.outbox:
            rest_orders()
        if fresh_orders:
            waiting_orders.is_rested = True
        if not state.start_hook_done:
            start_hook_if_due(state, int(market.table.row_us[row]))
        if market.looks_back:  # true at the first bar of a session; with a lag, at every bar
            market.advance(row)
        else:  # inlines `advance`: calling it would cost a sixth of an empty bar
            market.row = market.view = market.seen = row
            market.now_us = row_us[row]
        if fresh_orders:
            match(state, open_orders)
        elif open_orders and (  # most bars touch no resting order, and the close alone shows it
            calm is None or calm[0] != orders.version or not calm[2] < calm[1][row] < calm[3]
        ):
            calm = match_resting(state)
        if not state.paused:
            # `handle_data` is the only callback of every bar: calling it here instead
            # of through `call` halves the cost.
            if handle_data is not None:
                try:
                    result = handle_data(context, data)
                    if result is not None:
                        refuse_unrun(result, "handle_data")
                except BaseException as failure:  # noqa: BLE001 - around a user's callback
                    survive(state, failure, "handle_data")
                else:
                    if failing:
                        excuse(state, "handle_data")
                if waiting:
                    deliver(state)
            if state.scheduled:
                run_scheduled(state)
        if fresh_orders or state.changed_orders:
            state.flush_changes()


def take_bar(state: RunState, row: int) -> None:  # noqa: C901 - a call less at every bar
    """Process one row of the current session like `take_bars`, at two thirds of its
    cost for a single bar.
    """
    market, orders, callbacks = state.market, state.orders, state.callbacks
    fresh_orders = orders.waiting.amounts
    if fresh_orders:
        orders.waiting.is_rested = True
    if not state.start_hook_done:
        start_hook_if_due(state, int(market.table.row_us[row]))
    market.advance(row)
    if orders.book or fresh_orders:
        match(state, orders.book)
    if not state.paused:
        handle_data = callbacks.handle_data
        if handle_data is not None:
            try:
                result = handle_data(callbacks.context, state.data)
                if result is not None:
                    refuse_unrun(result, "handle_data")
            except BaseException as failure:  # noqa: BLE001 - around a user's callback
                survive(state, failure, "handle_data")
            else:
                if callbacks.failing:
                    excuse(state, "handle_data")
            if callbacks.waiting:
                deliver(state)
        if state.scheduled:
            run_scheduled(state)
    if fresh_orders or state.changed_orders:
        state.flush_changes()


def run_scheduled(state: RunState) -> None:
    """Call the scheduled functions that are due at the current bar."""
    market, scheduled = state.market, state.scheduled
    now_us = market.now_us
    if now_us < scheduled.rests_until_us:
        return
    # A function that a callback adds may run on this same bar, as in zipline.
    for function in scheduled:
        if now_us < function.rests_until_us:
            continue
        session = market.session
        if function.calendar is not state.calendar:
            session = function.calendar.session_of_us(now_us)
        if session >= 0 and function.is_due(session, now_us):
            call(state, function.callback, state.callbacks.context, state.data)
    scheduled.rests_until_us = min([function.rests_until_us for function in scheduled])


def on_market_data(state: RunState, event: MarketDataEvent) -> None:
    """Process a slice: the next bar of each asset that traded.

    Raises:
        OutsideCalendar: the slice's time is in no session.
    """
    facts = event.__dict__
    if "_row" in facts:
        row = state.market.append_row(facts["timestamp"], facts["_row"])
    elif "bars" in facts:
        row = state.market.append_next(facts["timestamp"], facts["bars"])
    else:
        row = state.market.append_columns(facts["_columns"])
    if row < 0:
        _take_other_slice(state, event)
        return
    take_bar(state, row)
    if state.market.now_us >= state.session_span[1]:
        finish_session(state)


# Processes a slice that is not simply the next one of its session.
def _take_other_slice(state: RunState, event: MarketDataEvent) -> None:
    us = us_of(event.timestamp)
    market = state.market
    session = market.session
    opens_us, closes_us = state.session_span
    if not (state.session_open and opens_us < us <= closes_us):
        session = state.calendar.session_of_us(us)
        if session < 0:
            raise OutsideCalendar(
                f"a slice at {event.timestamp.isoformat()} lies in no session of "
                f"{state.calendar.name}: "
                "feeds must close slices by the run's calendar"
            )
        enter_session(state, session)
    row = (
        market.row_at(us)
        if market.preload
        else market.append_slice(us, event.columns or event.bars, session=session)
    )
    take_bar(state, row)
    if us >= state.session_span[1]:
        finish_session(state)
