"""The close of a session: delistings, cancel policy, account controls, and the
session's row.

The rule: assets that leave the market are closed first, then the cancel policy is
applied, then the account is checked, then everything is marked at the close and the
data for the session's row is noted. Source: zipline-reloaded 3.2.1,
gens/tradesimulation.py 230-314.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbtlive.core.actions.callbacks import deliver, excuse, survive
from rbtlive.core.actions.cancelling import cancel_order, end_order
from rbtlive.core.run_state import RunState
from rbtlive.core.state.session_figures import SessionClose
from rbtlive.data.calendars.calendar import us_of
from rbtlive.finance.cancel_policy import SESSION_END, NeverCancel
from rbtlive.model.number import ZERO, plain_text
from rbtlive.model.order_facts import Transaction

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats


def finish_session(state: RunState) -> None:
    """Close the open session, if any."""
    if not state.session_open:
        return
    state.keep_decimals()
    _close_delisted(state)
    state.flush_changes()
    # In daily runs, orders cancelled here are reported in the next session, as in
    # zipline.
    _apply_cancel_policy(state)
    if state.account_controls:
        _check_account(state)
    _note_close(state)
    deliver(state)
    state.market.end_session(state.market.session)
    state.session_open = False
    if state.on_session_closed is not None:
        state.on_session_closed(state.record.sessions[-1])


def _close_delisted(state: RunState) -> None:
    now_us, auto_close_us = state.market.now_us, state.auto_close_us
    if now_us < state.first_auto_close_us:
        return
    over = [asset for asset in state.portfolio.positions if auto_close_us[asset.index] <= now_us]
    for asset in [asset for asset in over if _leaves(state, asset.index)]:
        position = state.portfolio.positions[asset]
        price = state.marks.value_of(asset)
        price = state.marks.of(asset).price if price is None else price
        amount = -position.amount
        state.portfolio.book_transaction(asset, amount, price=price, dt=state.now)
        name = f"close-{asset.sid}-{state.session_label}"
        state.record.transactions.append(
            Transaction(state.now, asset, amount, price, ZERO, None, name)
        )
    for order in state.orders.get_active_orders():
        if _leaves(state, order.asset.index):
            cancel_order(state, order.id, f"{order.asset.symbol} has left the market")


# In zipline, a session that ends at midnight ends on the next day.
def _leaves(state: RunState, index: int) -> bool:
    if state.market.now_us < state.auto_close_us[index]:
        return False
    return (
        state.quirks.lag_at_midnight
        or state.session_label >= state.market.assets[index].auto_close_date
    )


def _apply_cancel_policy(state: RunState) -> None:
    if type(state.cancel_policy) is NeverCancel:
        return
    book = state.orders.open_by_asset()
    if not book or not state.cancel_policy.should_cancel(SESSION_END):
        return
    warn = getattr(state.cancel_policy, "warn_on_cancel", False)
    daily = not state.settings.intraday
    for asset, orders in list(book.items()):
        leaving = list(orders)
        if daily and state.quirks.cancel_oldest_only:
            leaving = leaving[:1] if len(leaving) > 1 else []
        if daily and not state.quirks.cancel_oldest_only:
            # an order placed at this close can first fill in the next session
            leaving = [order for order in leaving if us_of(order.created) < state.market.now_us]
        for order in leaving:
            reason = "not filled by the end of the session"
            if state.venue.cancels_at_once:
                end_order(state, order, reason, report=daily)
            else:
                cancel_order(state, order.id, reason)
            if warn:
                state.on_message(
                    "warning",
                    f"order {order.id} for {plain_text(order.amount)} {asset.symbol} was "
                    "cancelled at the "
                    f"session's end, {plain_text(order.filled)} filled",
                )
    state.orders.prune()


def _check_account(state: RunState) -> None:
    state.marks.mark_now()
    now = state.presenter.timestamp(state.market.now_us)
    for control in state.account_controls:
        name = type(control).__name__
        try:
            control.validate(state.portfolio_view, state.account_view, now, state.data)
        except Exception as failure:  # noqa: BLE001 - a control ends the run as a failing callback does
            survive(state, failure, name)
        else:
            excuse(state, name)


def note_marks(state: RunState) -> Floats | None:
    """Mark everything at the close; return each position's price if all are known and
    the close may keep them unchanged.
    """
    prices = None
    if state.on_session_closed is None:
        prices = state.marks.mark_unseen()
    else:  # the row is read at once, so nothing may be deferred
        state.marks.mark_now()
    state.books.closed_marks = -1 if prices is None else state.marks.version
    return prices


def _note_close(state: RunState) -> None:
    portfolio, books = state.portfolio, state.books
    prices = note_marks(state)
    record = state.record
    executed = len(record.transactions)
    books.rows.note(
        SessionClose(
            session=state.market.session,
            close_us=state.market.now_us,
            starting_cash=books.starting_cash,
            starting_base=books.starting_base,
            starting_value=books.starting_value,
            cash=portfolio.cash,
            capital_base=portfolio.capital_base,
            capital_used=portfolio.cash_flow - books.previous_cash_flow,
            previous_return=books.previous_return,
            held=portfolio.held(),
            prices=tuple(state.marks.prices()) if prices is None else prices,
            totals=portfolio.totals() if prices is None else None,
            recorded=dict(state.recorded),
            orders=state.orders.close_session(books.first_transaction),
            transactions=(books.first_transaction, executed),
            adjustments=tuple(record.adjustments[books.first_adjustment :]),
        )
    )
    books.closed_version = portfolio.version
    books.previous_cash_flow = portfolio.cash_flow
    books.previous_return = None
    books.reported_transactions = executed
    books.reported_adjustments = len(record.adjustments)
