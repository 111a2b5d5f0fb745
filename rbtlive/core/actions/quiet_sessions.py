"""Run daily sessions between corporate actions: most of a backtest, at a tenth of the
cost.

The rule: a session runs here only while each skipped step would do nothing; what it
leaves equals what it leaves in the ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import getcontext, setcontext

from rbtlive.core.actions.bar_step import run_scheduled
from rbtlive.core.actions.callbacks import deliver, excuse, survive
from rbtlive.core.actions.fills import match
from rbtlive.core.actions.kept_sessions import days_after, keep_traded, note
from rbtlive.core.actions.quiet_ahead import (
    an_asset_leaves,
    end_after,
    ends_plainly,
    first_with_news,
    settled_close,
)
from rbtlive.core.actions.resting_fills import Calm, match_resting
from rbtlive.core.actions.session_close import finish_session, note_marks
from rbtlive.core.rules.plain_functions import refuse_unrun
from rbtlive.core.run_state import RunState
from rbtlive.core.state.order_archive import OrderArchive
from rbtlive.core.state.session_figures import SessionClose
from rbtlive.finance.cancel_policy import NeverCancel


def run_quiet_sessions(
    state: RunState,
    first: int,
    last: int,
    before_each: Callable[[], None] | None,
    rest_orders: Callable[[], None],
) -> int:
    """Run sessions from `first` on, and return the number of the first that needs the
    ordinary path, which may be `first` itself.

    Args:
        state: The run, between two sessions.
        first: Number of the next session.
        last: Number of the last session wanted.
        before_each: Called before every session but the first.
        rest_orders: Called after a session in which orders were placed.
    """
    close, archive = settled_close(state, first), state.orders.archive
    if close is None or archive is None:
        return first
    end = first_with_news(state, first, last + 1)
    if end <= first:
        return first
    return _Days(state, close, archive, rest_orders).run(end, before_each)


class _Days:
    """A stretch of sessions being run, and what to keep of them.

    Args:
        state: The run.
        close: The close before them.
        archive: The run's ended orders.
        rest_orders: Called after a session in which orders were placed.
    """

    def __init__(
        self,
        state: RunState,
        close: SessionClose,
        archive: OrderArchive,
        rest_orders: Callable[[], None],
    ) -> None:
        self._state = state
        self._archive = archive
        self._rest_orders = rest_orders
        self._days = days_after(state, close, archive)
        self._settled = state.portfolio.version  # at the last close

    # Runs every session before `end`. A session in which more happens than fills is
    # finished in the ordinary way, and the run goes on after it if it may. Returns the
    # number of the next session.
    def run(self, end: int, before_each: Callable[[], None] | None) -> int:
        state, first = self._state, self._days.first
        while True:
            state.session_open = state.start_hook_done = True
            is_quiet = False
            try:
                is_quiet = self._run(first, end, before_each)
            finally:
                note(state, self._days, version=self._settled, has_ended=is_quiet)
            if is_quiet:
                break
            state.flush_changes()
            finish_session(state)
            following = state.market.session + 1
            if following >= end:
                return following
            if state.outbox:
                self._rest_orders()
            state.orders.waiting.is_rested = True
            close = settled_close(state, following)
            if close is None:
                return following
            end = end_after(state, following, end)
            if end <= following:
                return following
            self._days = days_after(state, close, self._archive)
            self._settled = state.portfolio.version
        if state.portfolio.positions:
            note_marks(state)
        state.market.end_session(end - 1)
        state.session_open = False
        return end

    # False if the last session has to end in the ordinary way. Callbacks are called in
    # the same way as in `take_bar`.
    def _run(  # noqa: C901, PLR0912 - one call more costs a tenth of a session
        self, begun: int, end: int, before_each: Callable[[], None] | None
    ) -> bool:
        state = self._state
        callbacks, orders, recorded = state.callbacks, state.orders, state.recorded
        handle_data, context, waiting = callbacks.handle_data, callbacks.context, callbacks.waiting
        failing = callbacks.failing
        data, decimals, market, book = state.data, state.decimals, state.market, orders.book
        touched, (changed, outbox, waiting_orders) = orders.touched, state.order_news()
        scheduled, days, step = state.scheduled, self._days, market.step
        portfolio, settled = state.portfolio, self._settled
        mark_row, controls = state.marks.mark_row_unseen, state.account_controls
        may_leave = self._may_leave = an_asset_leaves(state, end)
        calm: Calm | None = None
        for session in range(days.first, end):
            if before_each is not None and session != begun:
                before_each()
            if getcontext() is not decimals:
                setcontext(decimals)
            step(session)
            if waiting_orders:
                match(state, book)
            elif book and (
                calm is None
                or calm[0] != orders.version
                or not calm[2] < calm[1][market.row] < calm[3]
            ):
                calm = match_resting(state)
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
            if scheduled:
                run_scheduled(state)
            # What no callback is meant to change, and may, counts too.
            if (
                touched
                or portfolio.version != settled
                or controls
                or type(state.cancel_policy) is not NeverCancel
            ):
                if not self._end_traded(session, end):
                    return False
                settled = portfolio.version
                if recorded:
                    days.recorded.append(dict(recorded))
                days.count += 1
                continue
            placed = waiting_orders or changed or outbox
            if placed and (waiting or (may_leave and end_after(state, session, end) < end)):
                return False
            if portfolio.positions and not mark_row() and not self._mark_one_by_one():
                return False
            if placed:
                self._keep_placed()
            if recorded:
                days.recorded.append(dict(recorded))
            days.count += 1
        return True

    # Closes a session with fills or changed orders as `finish_session` does. False if
    # more is to be done at its close.
    def _end_traded(self, session: int, end: int) -> bool:
        state, days = self._state, self._days
        if not ends_plainly(state) or (self._may_leave and end_after(state, session, end) < end):
            return False
        if state.portfolio.positions and not (
            state.marks.mark_row_unseen() or self._mark_one_by_one()
        ):
            return False
        state.flush_changes()
        keep_traded(state, days)
        self._settled = state.portfolio.version
        if state.outbox:
            self._rest_orders()
        state.orders.waiting.is_rested = True
        return True

    # Stores the orders placed in a session, and lets them rest: they alone leave the
    # books as they were.
    def _keep_placed(self) -> None:
        state, orders, days = self._state, self._state.orders, self._days
        changed, waiting = state.changed_orders, orders.waiting
        if waiting.amounts:
            state.flush_changes()
            days.pictures.note(days.count, orders.touched.items(), days.books[-1].executed)
            orders.touched.clear()
        elif changed:
            days.pictures.note(days.count, changed.items(), days.books[-1].executed)
            changed.clear()
        if state.outbox:
            self._rest_orders()
        waiting.is_rested = True

    # False if the price of a position is unknown, which then keeps its old price.
    def _mark_one_by_one(self) -> bool:
        prices = self._state.marks.mark_unseen()
        if prices is None:
            return False
        self._days.odd_prices[self._days.count] = prices
        return True
