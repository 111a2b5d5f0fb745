"""What ends with a session: positions and orders of assets that leave the market, and
orders that the cancel policy ends.

The rule: orders end in the order of the book. Source: zipline-reloaded 3.2.1,
gens/tradesimulation.py 230-314.
"""

from __future__ import annotations

from rbtlive.core.actions.cancelling import cancel_order, end_order
from rbtlive.core.run_state import RunState
from rbtlive.data.calendars.calendar import us_of
from rbtlive.finance.cancel_policy import SESSION_END, NeverCancel
from rbtlive.model.number import ZERO, plain_text
from rbtlive.model.order_facts import Transaction


def close_delisted(state: RunState) -> None:
    """Close the positions and orders of assets that leave the market."""
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
    for asset in state.orders.waiting.in_order():
        if _leaves(state, asset.index):
            for order in state.orders.get_active_orders(asset):
                cancel_order(state, order.id, f"{asset.symbol} has left the market")


# In zipline, a session that ends at midnight ends on the next day.
def _leaves(state: RunState, index: int) -> bool:
    if state.market.now_us < state.auto_close_us[index]:
        return False
    return (
        state.quirks.lag_at_midnight
        or state.session_label >= state.market.assets[index].auto_close_date
    )


def apply_cancel_policy(state: RunState) -> None:
    """Cancel the orders that the policy lets end with the session."""
    if type(state.cancel_policy) is NeverCancel:
        return
    orders = state.orders
    assets = orders.waiting.in_order()
    if not assets or not state.cancel_policy.should_cancel(SESSION_END):
        return
    warn = getattr(state.cancel_policy, "warn_on_cancel", False)
    daily = not state.settings.intraday
    if not daily or orders.waiting.created_us < state.market.now_us:
        orders.waiting.make()
    for asset in assets:
        # what still waits was placed at this close
        leaving = orders.get_active_orders(asset) if asset in orders.book else []
        if daily and state.quirks.cancel_oldest_only:
            leaving = leaving[:1] if len(leaving) > 1 else []
        elif daily:
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
