"""What people and breakers do to a run: pause, halt, let it only reduce, flatten,
resume.

The rule: they decide what may be traded from now on, and change nothing that was
booked.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.model.events import CircuitBreakerEvent, OperatorEvent
from rbtlive.model.number import ZERO

if TYPE_CHECKING:
    from rbtlive.core.portfolio import Position
    from rbtlive.core.trading_core import TradingCore


def operate(core: TradingCore, event: OperatorEvent) -> None:
    """Do what a person asked for."""
    if event.action == "pause":
        core.paused = True
    elif event.action == "resume":
        core.paused = False
        core.trading_state = "running"
        core.halt_reason = ""
        core.callbacks.failures_in_row = 0
    elif event.action == "reduce":
        core.trading_state = "reducing"
        core.halt_reason = "reducing only, by the operator"
    elif event.action == "halt":
        core.halt("halted by the operator")
    elif event.action == "cancel_all":
        core.cancel_everything("cancelled by the operator")
    elif event.action == "kill":
        core.cancel_everything("kill by the operator")
        core.halt("kill by the operator")
    elif event.action == "cancel":
        core.cancel_order(event.order_id, "cancelled by the operator")
    elif event.action == "close":
        _close(core, event.symbol, event.at_most)
    elif event.action == "flatten":
        _flatten(core, event.reason or "flatten by the operator", event.at_most)


def _close(core: TradingCore, symbol: str, at_most: Mapping[str, Decimal] | None) -> None:
    # Orders of the asset go first: one that filled later would open the position again.
    position = next((held for held in core.portfolio if held.asset.symbol == symbol), None)
    if position is None:
        core.on_message("warning", f"close by the operator: no position in {symbol}")
        return
    for order in core.orders.get_active_orders():
        if order.asset.symbol == symbol:
            core.cancel_order(order.id, "close by the operator")
    before, late = core.trading_state, core.late_reason
    core.trading_state, core.late_reason = "running", ""  # a halted run may close what it holds
    shares = _closable(position, at_most)
    if shares:
        core.enter(position.asset, -shares)
    core.trading_state, core.late_reason = before, late


def trip(core: TradingCore, event: CircuitBreakerEvent) -> None:
    """Do what a breaker that has tripped says; one that only reduces loosens no halt."""
    reason = f"{event.name}: {event.reason}"
    if event.action == "flatten":
        _flatten(core, reason)
    elif event.action == "halt":
        core.halt(reason)
    elif core.trading_state == "running":
        core.trading_state = "reducing"
        core.halt_reason = reason
        core.on_message("warning", f"only orders that reduce a position are taken: {reason}")


def _flatten(core: TradingCore, reason: str, at_most: Mapping[str, Decimal] | None = None) -> None:
    core.cancel_everything(reason)
    late, core.late_reason = core.late_reason, ""
    core.trading_state = "reducing"  # even a halted run may close what it holds
    for position in list(core.portfolio):
        shares = _closable(position, at_most)
        if shares:
            core.enter(position.asset, -shares)
    core.late_reason = late
    core.halt(reason)


def _closable(position: Position, at_most: Mapping[str, Decimal] | None) -> Decimal:
    # Never more than the broker holds of it, and nothing where it holds the other side.
    held = position.amount
    if at_most is None:
        return held
    there = at_most.get(position.asset.symbol, ZERO)
    return max(ZERO, min(held, there)) if held > 0 else min(ZERO, max(held, there))
