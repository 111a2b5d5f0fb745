"""How many daily sessions can be run in which only prices change.

The rule: a session qualifies only if every step that is skipped would do nothing in it.
"""

from __future__ import annotations

from rbtlive.core.run_state import RunState
from rbtlive.core.state.session_figures import SessionClose
from rbtlive.finance.cancel_policy import NeverCancel
from rbtlive.model.arrays import np


def settled_close(state: RunState, first: int) -> SessionClose | None:
    """Return the close of the session before `first`, if the books have not changed
    since and no step has to run in every session; otherwise None.
    """
    market, books = state.market, state.books
    if (
        market.interval.intraday
        or market.lags
        or not market.preload
        or state.callbacks.before_trading_start is not None
        or state.pipelines.by_name
        or state.account_controls
        or state.on_session_closed is not None
        or state.paused
        or type(state.cancel_policy) is not NeverCancel
        or state.changed_orders
        or state.outbox
        or books.closed_version != state.portfolio.version
        or books.reported_transactions != len(state.record.transactions)
        or books.reported_adjustments != len(state.record.adjustments)
    ):
        return None
    close = books.rows.last_close()
    if close is None or (state.portfolio.positions and books.closed_marks < 0):
        return None
    return close if close.session == first - 1 else None


def first_with_news(state: RunState, first: int, end: int) -> int:
    """Return the first session from `first` on with a split, a dividend or the end of
    an asset's life, or `end` if none comes before it.
    """
    market = state.market
    news = [market.adjustments.next_session(), state.dividends.next_due(), end]
    end = min(number for number in news if number is not None)
    orders = state.orders
    owned = (*state.portfolio.positions, *orders.book, *orders.waiting.amounts)
    leaving = [asset.index for asset in owned]
    if leaving:
        leaves_us = min(map(state.auto_close_us.__getitem__, leaving))
        closes_us = market.calendar.closes_us
        if end > first and closes_us[end - 1] >= leaves_us:
            end = min(end, int(np.searchsorted(closes_us, leaves_us)))
    return max(first, end)


def end_after(state: RunState, first: int, end: int) -> int:
    """Update `end` after a session with orders or fills: an asset bought or ordered may
    leave the market before `end`; all else was known before.
    """
    return first_with_news(state, first, end) if an_asset_leaves(state, end) else end


def ends_plainly(state: RunState) -> bool:
    """Say whether the current session, in which orders filled, leaves its row alone."""
    return not (
        state.callbacks.waiting
        or state.account_controls
        or type(state.cancel_policy) is not NeverCancel
        or len(state.record.adjustments) != state.books.reported_adjustments
    )


def an_asset_leaves(state: RunState, end: int) -> bool:
    """Say whether an asset of the run may leave the market before `end`."""
    return state.market.calendar.closes_us.item(end - 1) >= state.first_auto_close_us
