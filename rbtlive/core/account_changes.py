"""What a broker, a person or a clock does to a run's books besides orders and fills.

The rule: each change is an event, applied here and nowhere else, so that a replay of the
journal gives the same books.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from rbtlive.model.events import (
    CashAdjustmentEvent,
    DecisionAgeEvent,
    Event,
    OperatorCallEvent,
    OrderReplacedEvent,
    OrderUpdateEvent,
    PositionAdjustmentEvent,
    SplitEvent,
)
from rbtlive.model.number import ZERO, plain_text
from rbtlive.model.order import Transaction

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore
    from rbtlive.model.asset import Asset
    from rbtlive.model.commands import Command

_RECORDED = {
    "dividend": "dividend",
    "interest": "transfer",
    "fee": "fee",
    "deposit": "transfer",
    "withdrawal": "transfer",
}


def note_age(core: TradingCore, event: DecisionAgeEvent) -> None:
    """Deny orders from now on if the data they are decided on is too old."""
    core.late_reason = event.reason if event.late else ""


def repeat_call(core: TradingCore, event: OperatorCallEvent) -> None:
    """Ask again for what a person's function asked for when it ran."""
    late, core.late_reason = core.late_reason, ""
    for action in event.actions:
        if action["do"] == "cancel":
            core.cancel_order(str(action["order_id"]), "cancelled by the operator")
            continue
        asset = _asset(core, str(action["symbol"]))
        if asset is not None:
            core.enter(
                asset,
                Decimal(str(action["amount"])),
                limit=_number(action["limit"]),
                stop=_number(action["stop"]),
            )
    core.late_reason = late


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What came of a person's function.

    Attributes:
        event: Repeats what it asked for.
        commands: What it asked a venue for.
        value: What it returned.
        failure: What it raised, or None.
    """

    event: OperatorCallEvent
    commands: list[Command]
    value: Any = None
    failure: Exception | None = None


def call_operator(core: TradingCore, function: Callable[[Any, Any], Any]) -> CallOutcome:
    """Run a person's function as a callback of the run.

    The data's age denies nothing here: a person decides now.
    """
    return core.act(_call, core, function)


def _call(core: TradingCore, function: Callable[[Any, Any], Any]) -> CallOutcome:
    late, core.late_reason, core.actions = core.late_reason, "", []
    value: Any = None
    failed: Exception | None = None
    try:
        value = function(core.context, core.data)
    except Exception as failure:  # noqa: BLE001 - around a user's function
        failed = failure
    finally:
        actions, core.actions, core.late_reason = core.actions, None, late
        core.keep_decimals()
    name = getattr(function, "__name__", type(function).__name__)
    event = OperatorCallEvent(timestamp=core.now, name=name, actions=tuple(actions))
    core.callbacks.deliver()
    return CallOutcome(event, core.take_commands(), value, failed)


def adjust_position(core: TradingCore, event: PositionAdjustmentEvent) -> None:
    """Book shares that came or went without an order, and report them."""
    asset = _asset(core, event.symbol)
    if asset is None:
        core.on_message("warning", f"{event.symbol} is no asset of this run: {event.reason}")
        return
    core.portfolio.book_transaction(asset, event.amount, price=event.price, dt=event.timestamp)
    number = len(core.record.transactions) + 1
    core.record.transactions.append(
        Transaction(
            event.timestamp, asset, event.amount, event.price, ZERO, None, f"adjustment-{number}"
        )
    )
    core.on_message(
        "warning",
        f"position of {asset.symbol} adjusted by {plain_text(event.amount)} at "
        f"{plain_text(event.price)}: {event.reason}",
    )
    if core.callbacks.hook("on_position_adjustment") is not None:
        core.callbacks.waiting.append(
            ("on_position_adjustment", (asset, core.frames.amount(event.amount), event.reason))
        )


def book_cash(core: TradingCore, event: CashAdjustmentEvent) -> None:
    """Book money that came or went without an order; an activity is booked once."""
    if event.activity_id in core.orders.executions:
        return
    core.orders.executions.add(event.activity_id)
    core.portfolio.book_cash(event.amount, deposit=event.kind in {"deposit", "withdrawal"})
    core.record.adjust(
        _RECORDED[event.kind],
        dt=event.timestamp,
        asset=_asset(core, event.symbol) if event.symbol else None,
        cash=event.amount,
    )
    about = f" of {event.symbol}" if event.symbol else ""
    core.on_message(
        "info", f"{event.kind}{about}: {plain_text(event.amount)} booked as cash {event.reason}"
    )


def apply_split(core: TradingCore, event: SplitEvent) -> None:
    """Restate open orders, the position and history for a split: at the start of the
    session it takes effect in, or at once if that has begun.
    """
    asset = _asset(core, event.symbol)
    if asset is None:
        core.on_message("warning", f"split of {event.symbol}, which is no asset of this run")
        return
    market, calendar = core.market, core.calendar
    coming = market.session if core.in_session else market.session + 1
    when = coming if event.effective is None else calendar.at_or_after(event.effective)
    text = f"{asset.symbol} split by {plain_text(event.ratio)} {event.reason}".rstrip()
    if event.effective is not None and when > market.session:
        market.add_split(asset.index, when, event.ratio, of_books=True)
        core.on_message("info", f"{text}, effective {calendar.label(when)}")
        return
    market.add_split(asset.index, when, event.ratio, of_books=False)
    core.orders.apply_split(asset, event.ratio, core.now)
    position = core.portfolio.positions.get(asset)
    cash = core.portfolio.cash
    core.portfolio.apply_split(asset, event.ratio)
    if position is not None:
        core.record.adjust(
            "split",
            dt=core.now,
            asset=asset,
            cash=core.portfolio.cash - cash,
            ratio=event.ratio,
            amount=core.portfolio.amount_of(asset),
        )
    if position is not None and not position.last_sale_price.is_nan():
        position.last_sale_price *= event.ratio
        core.portfolio.note_change()
    core.on_message("warning", text)


def replace_order(core: TradingCore, event: OrderReplacedEvent) -> None:
    """Let an order go on as the one that replaced it."""
    order = core.orders.get_order(event.order_id)
    if order is None or not order.is_open:
        return
    order.replace_terms(event.amount, limit=event.limit, stop=event.stop)
    core.orders.touch(order)
    core.orders.apply_update(
        OrderUpdateEvent(
            timestamp=event.timestamp,
            order_id=order.id,
            status=order.state,
            broker_order_id=event.broker_order_id,
        )
    )
    core.on_message(
        "warning",
        f"order {order.id} ({order.asset.symbol}) was replaced at the broker: it is for "
        f"{plain_text(order.amount)} now"
        + ("" if order.limit is None else f" at {plain_text(order.limit)}"),
    )


def _asset(core: TradingCore, symbol: str) -> Asset | None:
    return next((asset for asset in core.assets if asset.symbol == symbol), None)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


HANDLERS: Final[dict[type[Event], Callable[[Any, Any], None]]] = {
    DecisionAgeEvent: note_age,
    OperatorCallEvent: repeat_call,
    PositionAdjustmentEvent: adjust_position,
    CashAdjustmentEvent: book_cash,
    SplitEvent: apply_split,
    OrderReplacedEvent: replace_order,
}
"""What each of these events does to a core."""
