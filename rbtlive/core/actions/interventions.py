"""Interventions of people and breakers in a run: pause, halt, reduce only, flatten,
resume.

The rule: they decide what may be traded from now on and change no earlier booking.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import assert_never

from rbtlive.core.actions.cancelling import cancel_everything, cancel_order
from rbtlive.core.actions.order_entry import enter
from rbtlive.core.run_state import RunState
from rbtlive.core.state.position import Position
from rbtlive.model.events import CircuitBreakerEvent, OperatorEvent
from rbtlive.model.number import ZERO


def operate(state: RunState, event: OperatorEvent) -> None:
    """Carry out an operator's request."""
    match event.action:
        case "pause":
            state.paused = True
        case "resume":
            state.paused = False
            state.trading_state = "running"
            state.halt_reason = ""
            state.callbacks.failing.clear()
        case "reduce":
            state.trading_state = "reducing"
            state.halt_reason = "reducing only, by the operator"
        case "halt":
            state.halt("halted by the operator")
        case "cancel_all":
            cancel_everything(state, "cancelled by the operator")
        case "kill":
            cancel_everything(state, "kill by the operator")
            state.halt("kill by the operator")
        case "cancel":
            cancel_order(state, event.order_id, "cancelled by the operator")
        case "close":
            _close(state, event.symbol, event.at_most)
        case "flatten":
            _flatten(state, event.reason or "flatten by the operator", event.at_most)
        case _:
            assert_never(event.action)


def _close(state: RunState, symbol: str, at_most: Mapping[str, Decimal] | None) -> None:
    # Cancel the asset's orders first: one that filled later would reopen the position.
    position = next((held for held in state.portfolio if held.asset.symbol == symbol), None)
    if position is None:
        state.on_message("warning", f"close by the operator: no position in {symbol}")
        return
    for order in state.orders.get_active_orders():
        if order.asset.symbol == symbol:
            cancel_order(state, order.id, "close by the operator")
    before, late = state.trading_state, state.late_reason
    state.trading_state, state.late_reason = "running", ""  # a halted run may close what it holds
    shares = _closable(position, at_most)
    if shares:
        enter(state, position.asset, -shares)
    state.trading_state, state.late_reason = before, late


def trip(state: RunState, event: CircuitBreakerEvent) -> None:
    """Apply a tripped breaker; one that only reduces never weakens a halt."""
    reason = f"{event.name}: {event.reason}"
    if event.action == "flatten":
        _flatten(state, reason)
    elif event.action == "halt":
        state.halt(reason)
    elif state.trading_state == "running":
        state.trading_state = "reducing"
        state.halt_reason = reason
        state.on_message("warning", f"only orders that reduce a position are taken: {reason}")


def _flatten(state: RunState, reason: str, at_most: Mapping[str, Decimal] | None = None) -> None:
    cancel_everything(state, reason)
    before, late = state.trading_state, state.late_reason
    state.trading_state, state.late_reason = "reducing", ""  # a halted run may close what it holds
    for position in list(state.portfolio):
        shares = _closable(position, at_most)
        if shares:
            enter(state, position.asset, -shares)
    state.trading_state, state.late_reason = before, late
    state.halt(reason)


def _closable(position: Position, at_most: Mapping[str, Decimal] | None) -> Decimal:
    # Sell at most what the broker holds, and nothing if it holds the opposite side.
    held = position.amount
    if at_most is None:
        return held
    there = at_most.get(position.asset.symbol, ZERO)
    return max(ZERO, min(held, there)) if held > 0 else min(ZERO, max(held, there))
