"""Changes to a run's books other than orders and fills: from a broker, a person or the
clock.

The rule: each change is an event that is applied only here, so that replaying the
journal gives the same books.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from rbtlive.core.actions.callbacks import deliver
from rbtlive.core.actions.cancelling import cancel_order
from rbtlive.core.actions.order_entry import enter
from rbtlive.core.actions.symbol_change import change_symbol
from rbtlive.core.rules.plain_functions import refuse_lazy, refuse_unrun
from rbtlive.core.run_state import RunState
from rbtlive.model.asset import Asset
from rbtlive.model.events import (
    CashAdjustmentEvent,
    DecisionAgeEvent,
    Event,
    OperatorCallEvent,
    OrderReplacedEvent,
    OrderUpdateEvent,
    PositionAdjustmentEvent,
    SplitEvent,
    SymbolChangeEvent,
)
from rbtlive.model.number import ZERO, plain_text
from rbtlive.model.order_facts import Transaction

_RECORDED = {
    "dividend": "dividend",
    "interest": "interest",
    "fee": "fee",
    "deposit": "transfer",
    "withdrawal": "transfer",
    "cash in lieu": "dividend",
}


def note_age(state: RunState, event: DecisionAgeEvent) -> None:
    """Deny orders from now on if the data they are decided on is too old."""
    state.late_reason = event.reason if event.late else ""


def repeat_call(state: RunState, event: OperatorCallEvent) -> None:
    """Repeat on replay the orders and records that an operator's function made when it
    ran.
    """
    late, state.late_reason = state.late_reason, ""
    for action in event.actions:
        if action["do"] == "cancel":
            cancel_order(state, str(action["order_id"]), "cancelled by the operator")
            continue
        asset = _asset(state, str(action["symbol"]))
        if asset is not None:
            enter(
                state,
                asset,
                Decimal(str(action["amount"])),
                limit=_number(action["limit"]),
                stop=_number(action["stop"]),
            )
    state.late_reason = late


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """The outcome of a function that an operator ran.

    Attributes:
        event: Repeats what the function asked for.
        value: What the function returned.
        failure: The exception that it raised, or None.
    """

    event: OperatorCallEvent
    value: Any = None
    failure: Exception | None = None


def call_operator(state: RunState, function: Callable[[Any, Any], Any]) -> CallOutcome:
    """Run an operator's function as a callback of the run.

    Old data does not deny its orders: a person decides now.
    """
    late, state.late_reason, state.operator_actions = state.late_reason, "", []
    value: Any = None
    failed: Exception | None = None
    try:
        refuse_lazy(function, "the function of session.call()")
        value = function(state.callbacks.context, state.data)
        refuse_unrun(value, "the function of session.call()")
    except Exception as failure:  # noqa: BLE001 - around a user's function
        failed = failure
    finally:
        actions, state.operator_actions = state.operator_actions, None
        state.late_reason = late
        state.keep_decimals()
    name = getattr(function, "__name__", type(function).__name__)
    event = OperatorCallEvent(timestamp=state.now, name=name, actions=tuple(actions))
    deliver(state)
    return CallOutcome(event, value, failed)


def adjust_position(state: RunState, event: PositionAdjustmentEvent) -> None:
    """Book and report shares that came or went without an order."""
    asset = _asset(state, event.symbol)
    if asset is None:
        state.on_message("warning", f"{event.symbol} is not an asset of this run: {event.reason}")
        return
    at = event.timestamp
    if not event.price:  # shares that left without a price were not sold: the last price stays
        at = state.marks.of(asset).dt or at
    state.portfolio.book_transaction(asset, event.amount, price=event.price, dt=at)
    number = len(state.record.transactions) + 1
    state.record.transactions.append(
        Transaction(
            event.timestamp, asset, event.amount, event.price, ZERO, None, f"adjustment-{number}"
        )
    )
    state.on_message(
        "warning",
        f"position of {asset.symbol} adjusted by {plain_text(event.amount)} at "
        f"{plain_text(event.price)}: {event.reason}",
    )
    if state.callbacks.hooks["on_position_adjustment"] is not None:
        state.callbacks.waiting.append(
            ("on_position_adjustment", (asset, state.presenter.amount(event.amount), event.reason))
        )


def book_cash(state: RunState, event: CashAdjustmentEvent) -> None:
    """Book money that came or went without an order; each activity is booked once."""
    if event.activity_id in state.orders.executions:
        return
    state.orders.executions.add(event.activity_id)
    state.portfolio.book_cash(event.amount, deposit=event.kind in {"deposit", "withdrawal"})
    state.record.adjust(
        _RECORDED[event.kind],
        dt=event.timestamp,
        asset=_asset(state, event.symbol) if event.symbol else None,
        cash=event.amount,
    )
    about = f" of {event.symbol}" if event.symbol else ""
    state.on_message(
        "info", f"{event.kind}{about}: {plain_text(event.amount)} booked as cash {event.reason}"
    )


def apply_split(state: RunState, event: SplitEvent) -> None:
    """Adjust open orders, the position and history for a split: when the session it
    takes effect in starts, or at once if that session has begun.
    """
    asset = _asset(state, event.symbol)
    if asset is None:
        state.on_message("warning", f"split of {event.symbol}, which is not an asset of this run")
        return
    market, calendar = state.market, state.calendar
    coming = market.session if state.session_open else market.session + 1
    when = coming if event.effective is None else calendar.at_or_after(event.effective)
    if (asset.index, when) in market.known_splits:
        return  # the data has this split and applies it by itself
    text = f"{asset.symbol} split by {plain_text(event.ratio)} {event.reason}".rstrip()
    if event.effective is not None and when > market.session:
        market.add_split(asset.index, when, event.ratio, of_books=True)
        state.on_message("info", f"{text}, effective {calendar.label(when)}")
        return
    market.add_split(asset.index, when, event.ratio, of_books=False)
    state.orders.apply_split(asset, event.ratio, state.now)
    position = state.portfolio.positions.get(asset)
    cash = state.portfolio.cash
    state.portfolio.apply_split(asset, event.ratio)
    if position is not None:
        state.record.adjust(
            "split",
            dt=state.now,
            asset=asset,
            cash=state.portfolio.cash - cash,
            ratio=event.ratio,
            amount=state.portfolio.amount_of(asset),
        )
    state.marks.apply_split(asset, event.ratio)
    state.on_message("warning", text)


def replace_order(state: RunState, event: OrderReplacedEvent) -> None:
    """Continue an order under the id of the order that replaced it."""
    order = state.orders.get_order(event.order_id)
    if order is None or not order.is_open:
        return
    order.replace_terms(event.amount, limit=event.limit, stop=event.stop)
    state.orders.touch(order)
    state.orders.apply_update(
        OrderUpdateEvent(
            timestamp=event.timestamp,
            order_id=order.id,
            status=order.state,
            broker_order_id=event.broker_order_id,
        )
    )
    state.on_message(
        "warning",
        f"order {order.id} ({order.asset.symbol}) was replaced at the broker: it is for "
        f"{plain_text(order.amount)} now"
        + ("" if order.limit is None else f" at {plain_text(order.limit)}"),
    )


def _asset(state: RunState, symbol: str) -> Asset | None:
    return next((asset for asset in state.assets if asset.symbol == symbol), None)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


HANDLERS: Final[dict[type[Event], Callable[[RunState, Any], None]]] = {
    DecisionAgeEvent: note_age,
    OperatorCallEvent: repeat_call,
    PositionAdjustmentEvent: adjust_position,
    CashAdjustmentEvent: book_cash,
    SplitEvent: apply_split,
    SymbolChangeEvent: change_symbol,
    OrderReplacedEvent: replace_order,
}
"""How each of these events changes a state."""
