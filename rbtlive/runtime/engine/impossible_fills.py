"""Impossible executions: named before they are journaled, and kept out of the books.

The rule: a reported fill that contradicts its order is not booked; reconciliation
handles the difference.
"""

from __future__ import annotations

from rbtlive.core.state.order import Order
from rbtlive.core.state.order_manager import OrderManager
from rbtlive.model.events import OrderFillEvent
from rbtlive.model.number import plain_text
from rbtlive.model.order_facts import OrderState


def objection(orders: OrderManager, fill: OrderFillEvent) -> str | None:
    """Return why an execution cannot belong to this run, or None if it can.

    Args:
        orders: The run's orders at the moment before the execution is booked.
        fill: The reported fill; one that is already booked raises no objection, because
            it is booked only once.
    """
    if fill.execution_id in orders.executions:
        return None
    order = orders.get_order(fill.order_id)
    what = f"execution {fill.execution_id} of {plain_text(fill.amount)}"
    if order is None:
        return f"{what} is of order {fill.order_id}, which this run does not have: it is not booked"
    name = f"order {order.id} ({order.asset.symbol})"
    if order.state is OrderState.DENIED:
        return f"{name}: {what} is of an order that was denied and never sent: it is not booked"
    if fill.amount * order.amount <= 0:
        return (
            f"{name}: {what} has not the sign of its order, {plain_text(order.amount)}: not booked"
        )
    return excess(order, fill)


def excess(order: Order, fill: OrderFillEvent) -> str | None:
    """Return that an execution, not booked yet, is too large for its order, or None."""
    if abs(order.filled + fill.amount) <= abs(order.amount):
        return None
    return (
        f"order {order.id} ({order.asset.symbol}): execution {fill.execution_id} of "
        f"{plain_text(fill.amount)} fills more than was ordered, {plain_text(order.amount)} with "
        f"{plain_text(order.filled)} filled: it is not booked"
    )
