"""Translate Alpaca's messages: orders, positions, the account, activities and trade
updates.

The rule: no message is trusted. One that cannot be translated with certainty is named
and left out; it never becomes a fill, nor any exception other than `Untranslatable`.
Source: Alpaca's API reference for the Trading API v2 and its page on WebSocket
streaming.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from rbtlive.brokers.alpaca_rules import PairTerms, time_in_force
from rbtlive.brokers.alpaca_values import (
    Untranslatable,
    as_decimal,
    as_list,
    as_object,
    optional_number,
    printable,
    read_moment,
    read_number,
    read_positive,
    read_sign,
    read_text,
)
from rbtlive.brokers.base import (
    BrokerAccount,
    BrokerActivity,
    BrokerExecution,
    BrokerHolding,
    BrokerOrder,
    CashKind,
)
from rbtlive.model.events import Event, OrderFillEvent, OrderRejectEvent, OrderUpdateEvent
from rbtlive.model.number import plain_text
from rbtlive.model.order_facts import OPEN_STATES, OrderState

_S = OrderState
STATES: Final[dict[str, OrderState]] = {
    "new": _S.PENDING,
    "accepted": _S.PENDING,
    "pending_new": _S.PENDING,
    "pending_review": _S.PENDING,
    "accepted_for_bidding": _S.PENDING,
    "held": _S.PENDING,
    "stopped": _S.PENDING,
    "suspended": _S.PENDING,
    "calculated": _S.PENDING,
    "done_for_day": _S.PENDING,
    "pending_cancel": _S.PENDING,
    "pending_replace": _S.PENDING,
    "partially_filled": _S.PARTIALLY_FILLED,
    "filled": _S.FILLED,
    "canceled": _S.CANCELED,
    "replaced": _S.CANCELED,
    "expired": _S.EXPIRED,
    "rejected": _S.REJECTED,
}
"""Our state for each of Alpaca's order states. A waiting order that has filled in part
is PARTIALLY_FILLED; "done_for_day" may continue tomorrow; "replaced" continues as
another order, which is followed.
"""

BLOCKS: Final = ("account_blocked", "trading_blocked", "trade_suspended_by_user")
"""Flags of an account that may not trade."""
MAY_TRADE: Final = frozenset({"ACTIVE", "ACCOUNT_UPDATED", "PAPER_ONLY"})
"""Statuses of an account that may trade.

Source: docs.alpaca.markets/docs/account-plans and the reference of the account.
"""
CASH_KINDS: Final[dict[str, CashKind]] = {
    **dict.fromkeys(
        ("DIV", "DIVCGL", "DIVCGS", "DIVFEE", "DIVFT", "DIVNRA", "DIVROC", "DIVTW", "DIVTXEX"),
        "dividend",
    ),
    **dict.fromkeys(("INT", "INTNRA", "INTTW"), "interest"),
    **dict.fromkeys(("FEE", "CFEE", "PTC", "PTR"), "fee"),
    "CIL": "cash in lieu",
    **dict.fromkeys(("CSD", "CSW", "TRANS", "JNLC", "JNL", "ACATC"), "deposit"),
}
"""Kinds of cash by Alpaca's activity types. Source: docs.alpaca.markets, account
activities."""
FILLS: Final = frozenset({"fill", "partial_fill"})
ENDS: Final = {"canceled": _S.CANCELED, "replaced": _S.CANCELED, "expired": _S.EXPIRED}
REPLACED: Final = "replaced by the broker"
"""Reason of an update saying that an order was replaced: `broker_order_id` is the
replacement's.
"""
NEWS: Final = frozenset(
    {
        "new",
        "accepted",
        "pending_new",
        "pending_review",
        "held",
        "stopped",
        "suspended",
        "calculated",
        "done_for_day",
        "pending_cancel",
        "pending_replace",
        "restated",
        "order_cancel_rejected",
        "order_replace_rejected",
    }
)
"""Updates after which an order is still open, unchanged."""


def read_order(body: object, *, executions: tuple[BrokerExecution, ...] = ()) -> BrokerOrder:
    """Return an order.

    Args:
        body: The parsed JSON.
        executions: Its known executions.

    Raises:
        Untranslatable: it is not an order, or not one for a number of shares.
    """
    order = as_object(body, "order")
    sign = read_sign(order)
    amount = read_number(order, "qty")
    filled = read_number(order, "filled_qty")
    if filled > amount:
        raise Untranslatable(f"filled_qty must not exceed qty: was {filled} of {amount}")
    average = (
        None if order.get("filled_avg_price") is None else read_number(order, "filled_avg_price")
    )
    return BrokerOrder(
        client_order_id=read_text(order, "client_order_id"),
        broker_order_id=read_text(order, "id"),
        symbol=read_text(order, "symbol"),
        amount=sign * amount,
        filled=sign * filled if filled else Decimal(0),
        average_price=average if filled else None,
        state=_state(order, filled),
        updated_at=read_moment(order, "updated_at", "submitted_at", "created_at"),
        limit=optional_number(order, "limit_price"),
        stop=optional_number(order, "stop_price"),
        reason=printable(order.get("reject_reason")),
        executions=executions,
    )


def _state(order: Mapping[str, Any], filled: Decimal) -> OrderState:
    state = STATES.get(read_text(order, "status"), OrderState.UNKNOWN)
    return OrderState.PARTIALLY_FILLED if state is OrderState.PENDING and filled else state


def read_activity(body: object) -> tuple[str, Decimal, BrokerExecution]:
    """Return an execution from an account activity: its order's id, the cumulative
    shares, and the execution.

    Raises:
        Untranslatable: it is not an execution.
    """
    activity = as_object(body, "activity")
    if activity.get("activity_type") != "FILL":
        raise Untranslatable(
            f"activity_type must be FILL: was {activity.get('activity_type')!r:.40}"
        )
    execution = BrokerExecution(
        execution_id=read_text(activity, "id").rpartition("::")[2],
        amount=read_sign(activity) * read_positive(activity, "qty"),
        price=read_positive(activity, "price"),
        at=read_moment(activity, "transaction_time"),
    )
    return read_text(activity, "order_id"), read_number(activity, "cum_qty"), execution


def read_positions(body: object) -> dict[str, Decimal]:
    """Return signed shares by symbol.

    Raises:
        Untranslatable: it is not a list of positions.
    """
    held: dict[str, Decimal] = {}
    for one in as_list(body, "positions"):
        position = as_object(one, "position")
        amount = as_decimal(position.get("qty"), "qty")
        held[read_text(position, "symbol")] = (
            -abs(amount) if position.get("side") == "short" else amount
        )
    return held


def read_account(body: object) -> BrokerAccount:
    """Return cash and equity.

    Raises:
        Untranslatable: it is not an account.
    """
    account = as_object(body, "account")
    currency = account.get("currency") or "USD"
    name = account.get("id")
    return BrokerAccount(
        cash=as_decimal(account.get("cash"), "cash"),
        equity=as_decimal(account.get("equity"), "equity"),
        currency=currency if isinstance(currency, str) else "USD",
        account_id=name if isinstance(name, str) else "",
        blocked=_why_blocked(account),
    )


def _why_blocked(account: Mapping[str, Any]) -> str:
    found = [flag for flag in BLOCKS if account.get(flag) is True]
    status = account.get("status")
    if isinstance(status, str) and status and status not in MAY_TRADE:
        found.append(f"its status is {printable(status)}")
    return ", ".join(found)


def read_holdings(body: object) -> list[BrokerHolding]:
    """Return the holdings, with cost and value if they are given.

    Raises:
        Untranslatable: it is not a list of positions.
    """
    found = []
    for one in as_list(body, "positions"):
        position = as_object(one, "position")
        amount = as_decimal(position.get("qty"), "qty")
        short = position.get("side") == "short"
        value = position.get("market_value")
        found.append(
            BrokerHolding(
                symbol=read_text(position, "symbol"),
                amount=-abs(amount) if short else amount,
                cost_basis=optional_number(position, "avg_entry_price"),
                value=None if value is None else as_decimal(value, "market_value"),
            )
        )
    return found


def read_cash_activity(body: object) -> BrokerActivity | None:
    """Return an account activity that changed cash but was not a trade; None for
    another kind.

    Raises:
        Untranslatable: its meaning is not certain.
    """
    activity = as_object(body, "activity")
    code = activity.get("activity_type")
    amount = activity.get("net_amount")
    if not isinstance(code, str) or code == "FILL" or amount is None:
        return None
    money = as_decimal(amount, "net_amount")
    kind: CashKind | None = CASH_KINDS.get(code)
    if kind is None or not money:
        return None
    if kind == "deposit" and money < 0:
        kind = "withdrawal"
    symbol = activity.get("symbol")
    return BrokerActivity(
        activity_id=read_text(activity, "id"),
        kind=kind,
        amount=money,
        at=_day_or_moment(activity),
        symbol=symbol if isinstance(symbol, str) else "",
        text=printable(activity.get("description")) or code,
    )


def _day_or_moment(activity: Mapping[str, Any]) -> datetime:
    day = activity.get("date")
    if isinstance(day, str) and len(day) == 10:
        try:
            return datetime.fromisoformat(day).replace(tzinfo=UTC)
        except ValueError:
            pass
    return read_moment(activity, "transaction_time", "created_at", "date")


def read_pair_terms(body: object) -> PairTerms:
    """Return the terms of a pair, from the broker's list of assets; missing terms
    default to the finest that the broker accepts.
    """
    asset = as_object(body, "asset")
    usual = PairTerms()

    def step(name: str, otherwise: Decimal) -> Decimal:
        given = asset.get(name)
        number = otherwise if given is None else as_decimal(given, name)
        return number if number > 0 else otherwise

    return PairTerms(
        smallest=step("min_order_size", usual.smallest),
        tick=step("price_increment", usual.tick),
    )


def read_message(body: object) -> tuple[Event | None, str, Decimal]:
    """Return the content of a stream's message, like `read_update`; a message of
    another stream has none.

    Raises:
        Untranslatable: its meaning is not certain.
    """
    message = as_object(body, "message")
    if message.get("stream") != "trade_updates":
        return None, "", Decimal(0)
    return read_update(message.get("data"))


def read_update(body: object) -> tuple[Event | None, str, Decimal]:
    """Return a trade update's event, its order's id at the broker, and the cumulative
    shares filled.

    The event has the client order id as order id; it is None if there is nothing to
    report.

    Raises:
        Untranslatable: its meaning is not certain.
    """
    data = as_object(body, "trade update")
    event = read_text(data, "event")
    snapshot = as_object(data.get("order"), "order")
    if event in FILLS:
        order = read_order(snapshot)
        return _fill(data, order), order.broker_order_id, abs(order.filled)
    if event == "replaced" and isinstance(snapshot.get("replaced_by"), str):
        update = OrderUpdateEvent(
            timestamp=read_moment(data, "timestamp", "at"),
            order_id=read_text(snapshot, "client_order_id"),
            status=_S.PENDING,
            reason=REPLACED,
            broker_order_id=read_text(snapshot, "replaced_by"),
        )
        return update, read_text(snapshot, "id"), Decimal(0)
    if event not in NEWS and event not in ENDS and event != "rejected":
        return (
            None,
            "",
            Decimal(0),
        )  # corrections, and future additions of Alpaca's: polling shows their effect
    return _news(data, event, snapshot), read_text(snapshot, "id"), Decimal(0)


def _fill(data: Mapping[str, Any], order: BrokerOrder) -> OrderFillEvent:
    amount = read_positive(data, "qty")
    if amount > abs(order.filled):
        raise Untranslatable(f"qty must not exceed filled_qty: was {amount} of {abs(order.filled)}")
    return OrderFillEvent(
        timestamp=read_moment(data, "timestamp"),
        order_id=order.client_order_id,
        execution_id=read_text(data, "execution_id"),
        amount=amount if order.amount > 0 else -amount,
        price=read_positive(data, "price"),
    )


def _news(data: Mapping[str, Any], event: str, snapshot: Mapping[str, Any]) -> Event:
    at = (
        read_moment(data, "timestamp", "at")
        if "timestamp" in data or "at" in data
        else read_moment(snapshot, "updated_at")
    )
    client_id = read_text(snapshot, "client_order_id")
    if event == "rejected":
        reason = (
            printable(data.get("reason") or snapshot.get("reject_reason"))
            or "rejected by the broker"
        )
        return OrderRejectEvent(timestamp=at, order_id=client_id, reason=reason)
    state = ENDS.get(event)
    if state is None:
        filled = read_number(snapshot, "filled_qty")
        state = _state(snapshot, filled)
        if state not in OPEN_STATES:  # its end has an update of its own, or polling finds it
            state = OrderState.PARTIALLY_FILLED if filled else OrderState.PENDING
    return OrderUpdateEvent(
        timestamp=at,
        order_id=client_id,
        status=state,
        reason=REPLACED if event == "replaced" else "",
        broker_order_id=read_text(snapshot, "id"),
    )


def order_body(
    *,
    symbol: str,
    amount: Decimal,
    limit: Decimal | None,
    stop: Decimal | None,
    client_order_id: str,
    whole: str = "gtc",
    pairs: str = "gtc",
) -> dict[str, str]:
    """Return the body of a new order.

    Args:
        symbol: Symbol of the asset.
        amount: Signed shares.
        limit: Limit price, or None.
        stop: Stop price, or None.
        client_order_id: The client order id of the order.
        whole: How long orders for whole shares stay open: "gtc" or "day".
        pairs: How long orders for pairs stay open: "gtc" or "ioc".
    """
    names = {
        (False, False): "market",
        (True, False): "limit",
        (False, True): "stop",
        (True, True): "stop_limit",
    }
    body = {
        "symbol": symbol,
        "qty": plain_text(abs(amount)),
        "side": "buy" if amount > 0 else "sell",
        "type": names[limit is not None, stop is not None],
        "time_in_force": time_in_force(symbol, amount, whole=whole, pairs=pairs),
        "client_order_id": client_order_id,
    }
    if limit is not None:
        body["limit_price"] = plain_text(limit)
    if stop is not None:
        body["stop_price"] = plain_text(stop)
    return body


# -- values --------------------------------------------------------------------------
