"""Cancel orders, and apply what venues report about them.

The rule: an order that was sent to a remote venue is cancelled only when the venue says
so.
"""

from __future__ import annotations

from rbtlive.core.actions.callbacks import notice
from rbtlive.core.run_state import RunState
from rbtlive.core.state.order import Order
from rbtlive.model.commands import CancelOrder
from rbtlive.model.events import OrderRejectEvent, OrderUpdateEvent
from rbtlive.model.order_facts import CLOSED_STATES, OPEN_STATES, OrderState
from rbtlive.model.trusted import Template

_cancel = Template(CancelOrder)
_CREATED, _CANCELED = OrderState.CREATED, OrderState.CANCELED


def cancel_order(state: RunState, order_id: str, reason: str = "cancelled by the strategy") -> None:
    """Cancel an open order; do nothing if it is unknown or ended."""
    order = state.orders.get_order(order_id)
    if order is None or order.state not in OPEN_STATES or order.cancel_reason is not None:
        return
    if state.operator_actions is not None:
        state.operator_actions.append({"do": "cancel", "order_id": order_id})
    if order.state is not _CREATED:
        # Journal the command even where the venue cancels at once.
        # A backtest has no journal.
        if not state.orders.waiting.takes:
            state.outbox.append(_cancel(order_id=order.id))
        if not state.venue.cancels_at_once:
            order.cancel_reason = reason
            return
    end_order(state, order, reason)


def end_order(state: RunState, order: Order, reason: str, *, report: bool = True) -> None:
    """Mark an order cancelled now; `report` puts it among the session's changed
    orders.
    """
    # An unsent order stays in the outbox and is skipped when the outbox is emptied.
    state.orders.move(order, _CANCELED, state.now, reason=reason)
    if report:
        state.note_change(order)
    else:
        state.changed_orders.pop(order.id, None)
    if state.callbacks.hooks["on_order_cancel"] is not None:
        notice(state, "on_order_cancel", order, reason)


def cancel_everything(state: RunState, reason: str) -> None:
    """Cancel every open order."""
    for order in state.orders.get_active_orders():
        cancel_order(state, order.id, reason)


def on_update(state: RunState, event: OrderUpdateEvent) -> None:
    """Apply a venue's report about an order."""
    orders = state.orders
    if orders.get_order(event.order_id) is None and orders.reserve(event.order_id):
        state.on_message(
            "warning", f"order {event.order_id} is known to the venue only: {event.reason}"
        )
        return
    order = orders.get_order(event.order_id)
    if order is not None and not event.reason:
        event = event.model_copy(update={"reason": _reason_of_end(order, event.status)})
    if orders.apply_update(event):
        order = orders.get_order(event.order_id)
        if order is not None:
            state.note_change(order)
            if order.state in {OrderState.CANCELED, OrderState.EXPIRED}:
                notice(state, "on_order_cancel", order, event.reason)
            elif order.state is OrderState.REJECTED:
                notice(state, "on_order_reject", order, event.reason)


# Load decides which of a venue's channels reports an end first; the reason must not
# depend on it. A cancel keeps the reason that it was requested with.
def _reason_of_end(order: Order, status: OrderState) -> str:
    if status is OrderState.CANCELED and order.cancel_reason:
        return order.cancel_reason
    return f"{status} by the broker" if status in CLOSED_STATES else ""


def on_reject(state: RunState, event: OrderRejectEvent) -> None:
    """End an order that the venue refused."""
    on_update(
        state,
        OrderUpdateEvent(
            timestamp=event.timestamp,
            order_id=event.order_id,
            status=OrderState.REJECTED,
            reason=event.reason,
        ),
    )
