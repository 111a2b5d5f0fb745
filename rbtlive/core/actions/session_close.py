"""The close of a session: delistings, cancel policy, account controls, and the
session's row.

The rule: assets that leave the market are closed first, then the cancel policy is
applied, then the account is checked, then everything is marked at the close and the
data for the session's row is noted. Source: zipline-reloaded 3.2.1,
gens/tradesimulation.py 230-314.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.core.actions.callbacks import deliver, excuse, survive
from rbtlive.core.actions.session_ends import apply_cancel_policy, close_delisted
from rbtlive.core.run_state import RunState
from rbtlive.core.state.portfolio import PositionTotals
from rbtlive.core.state.session_figures import SessionClose

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats


def finish_session(state: RunState) -> None:
    """Close the open session, if any."""
    if not state.session_open:
        return
    state.keep_decimals()
    close_delisted(state)
    state.flush_changes()
    # In daily runs, orders cancelled here are reported in the next session, as in
    # zipline.
    apply_cancel_policy(state)
    if state.account_controls:
        _check_account(state)
    _note_close(state)
    if state.callbacks.waiting:
        with state.orders.waiting.barred():  # what is ordered now is news of the next session
            deliver(state)
    state.market.end_session(state.market.session)
    state.session_open = False
    if state.on_session_closed is not None:
        state.on_session_closed(state.record.sessions[-1])


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
    prices = note_marks(state)
    if prices is None:
        close = _closed_session(
            state, prices=tuple(state.marks.prices()), totals=state.portfolio.totals()
        )
    else:
        close = _closed_session(state, prices=prices, totals=None)
    state.books.rows.note(close)


# What determines the row of the current session, which ends. The next figures count
# from here.
def _closed_session(
    state: RunState,
    *,
    prices: Floats | tuple[Decimal, ...],
    totals: PositionTotals | None,
) -> SessionClose:
    portfolio, books, record = state.portfolio, state.books, state.record
    executed, flow, cash = len(record.transactions), portfolio.cash_flow, portfolio.cash
    close = SessionClose(
        state.market.session,
        state.market.now_us,
        books.starting_cash,
        books.starting_base,
        books.starting_value,
        cash,
        portfolio.capital_base,
        flow - books.previous_cash_flow,
        books.previous_return,
        portfolio.held(),
        prices,
        totals,
        dict(state.recorded),
        state.orders.close_session(books.first_transaction),
        (books.first_transaction, executed),
        tuple(record.adjustments[books.first_adjustment :]),
    )
    books.closed_version = portfolio.version
    books.previous_cash_flow = flow
    books.previous_return = None
    books.reported_transactions = executed
    books.reported_adjustments = len(record.adjustments)
    return close
