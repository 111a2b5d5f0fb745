"""Ask a broker, and validate its answers before they are used.

The rule: an adapter is third-party code. Values with one possible meaning are converted
(7 to Decimal(7)); for any other value the error names method, field, value and remedy.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import index
from typing import Any, Final, SupportsIndex, TypeVar, get_args

from pydantic import ValidationError

from rbtlive.brokers.base import (
    BrokerAccount,
    BrokerAction,
    BrokerActivity,
    BrokerAdapter,
    BrokerExecution,
    BrokerHolding,
    BrokerOrder,
    BrokerSplit,
    BrokerSymbolChange,
    CashKind,
    CorporateActions,
)
from rbtlive.core.actions.callbacks import describe_error
from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.errors import BrokerError
from rbtlive.model.commands import SubmitOrder
from rbtlive.model.events import EVENT_TYPES, Event, MarketDataEvent
from rbtlive.model.foreign_text import as_utf8, text_of
from rbtlive.model.number import to_decimal
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.engine.admission import LARGEST

T = TypeVar("T")
Rule = Callable[[object], object]
_OWN: Final = (
    f"{__name__.partition('.')[0]}."  # our own adapters already validate the wire as strictly
)
_DIGITS_OF_FLOATS: Final = 15
_NOISE: Final = 3
MOST_ANSWERS: Final = 4
"""How many answers to wait for until two in a row agree."""
LONGEST_ID: Final = 256
LONGEST_TEXT: Final = 1000
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_STATES: Final = frozenset(state.value for state in OrderState)
_KINDS: Final = frozenset(get_args(CashKind))


class _Wrong(Exception):  # noqa: N818 - its text is the expected value
    """An invalid value."""


def is_of_users(broker: BrokerAdapter) -> bool:
    """Say whether an adapter is the user's own code."""
    return not type(broker).__module__.startswith(_OWN)


async def connect(broker: BrokerAdapter) -> None:
    """Connect a broker so that it is ready to trade."""
    await _awaitable(broker.connect(), broker, "connect()")


async def cancel(broker: BrokerAdapter, client_order_id: str) -> None:
    """Ask for an order to be cancelled."""
    asked = broker.cancel_order(client_order_id=client_order_id)
    await _awaitable(asked, broker, "cancel_order()")


async def submit(
    broker: BrokerAdapter, command: SubmitOrder, *, client_order_id: str
) -> str | None:
    """Place an order, and return the broker's own id for it."""
    sent = broker.submit_order(command, client_order_id=client_order_id)
    answer = await _awaitable(sent, broker, "submit_order()")
    try:
        return None if answer is None else _id(answer)
    except _Wrong as wrong:
        raise _refusal(broker, "submit_order()", f"must return {wrong}, or None", answer) from None


async def find_order(broker: BrokerAdapter, client_order_id: str) -> BrokerOrder | None:
    """Return the order with a client order id; None if the broker does not know it."""
    answer = await _awaitable(broker.find_order(client_order_id), broker, "find_order()")
    return None if answer is None else _judged(answer, BrokerOrder, broker, "find_order()")


async def orders(
    broker: BrokerAdapter, *, prefix: str = "", open_only: bool = False
) -> list[BrokerOrder]:
    """Return the orders whose client order id begins with `prefix`."""
    asked = broker.orders(prefix=prefix, open_only=open_only)
    answer = await _awaitable(asked, broker, "orders()")
    return _listed(answer, BrokerOrder, broker, "orders()", prefix)


async def positions(broker: BrokerAdapter) -> dict[str, Decimal]:
    """Return signed shares held, by symbol."""
    answer = await _awaitable(broker.positions(), broker, "positions()")
    if not isinstance(answer, Mapping):
        raise _refusal(broker, "positions()", "must return a dict of symbol and shares", answer)
    held: dict[str, Decimal] = {}
    for symbol, amount in answer.items():
        try:
            held[_text(symbol)] = _number(amount)
        except _Wrong as wrong:
            shown = f"{text_of(symbol, repr)[:40]}: {text_of(amount, repr)}"
            what = f"must return a dict of symbol and shares, each {wrong}"
            raise _refusal(broker, "positions()", what, shown, write=str) from None
    return held


async def agreed(ask: Callable[[], Awaitable[T]], agree: Callable[[T, T], bool]) -> T:
    """Ask until two answers in a row agree, so that one false answer decides nothing.

    Args:
        ask: Asks once.
        agree: Says whether two answers agree.

    Returns:
        The last answer; also if none agree, as on an account that never rests.
    """
    answer = await ask()
    for _ in range(MOST_ANSWERS - 1):
        before, answer = answer, await ask()
        if agree(before, answer):
            break
    return answer


async def account(broker: BrokerAdapter) -> BrokerAccount:
    """Return cash and equity."""
    answer = await _awaitable(broker.account(), broker, "account()")
    return _judged(answer, BrokerAccount, broker, "account()")


async def holdings(broker: BrokerAdapter) -> list[BrokerHolding]:
    """Return the account's holdings, with costs and values if they are known."""
    if type(broker).holdings is BrokerAdapter.holdings:
        held = await positions(broker)
        return [BrokerHolding(symbol=symbol, amount=amount) for symbol, amount in held.items()]
    answer = await _awaitable(broker.holdings(), broker, "holdings()")
    return _listed(answer, BrokerHolding, broker, "holdings()")


async def activities(broker: BrokerAdapter) -> list[BrokerActivity]:
    """Return recent changes of the account's cash other than trades."""
    answer = await _awaitable(broker.activities(), broker, "activities()")
    return _listed(answer, BrokerActivity, broker, "activities()")


async def corporate_actions(broker: BrokerAdapter, symbols: Iterable[str]) -> CorporateActions:
    """Return the corporate actions of these symbols around the market's current day."""
    where = "corporate_actions()"
    answer = await _awaitable(broker.corporate_actions(symbols), broker, where)
    if not isinstance(answer, CorporateActions):
        raise _refusal(broker, where, "must return CorporateActions", answer)
    return CorporateActions(
        splits=_listed(answer.splits, BrokerSplit, broker, where),
        symbol_changes=_listed(answer.symbol_changes, BrokerSymbolChange, broker, where),
        others=_listed(answer.others, BrokerAction, broker, where),
    )


def event_stream(broker: BrokerAdapter) -> AsyncIterator[object]:
    """Return the broker's stream of events, which are not validated yet.

    Raises:
        BrokerError: it is not a stream, and waiting would not change that.
    """
    stream: Any = broker.events()
    if isinstance(stream, AsyncIterable):
        with suppress(TypeError):
            return aiter(stream)
    close = getattr(stream, "close", None)
    if callable(close):
        close()  # otherwise Python warns that the coroutine was never awaited
    what = "must be an async generator (async def with a yield)"
    raise _refusal(broker, "events()", what, stream)


def judged_event(broker: BrokerAdapter, given: object) -> Event:
    """Return an event of a broker's stream, validated for the queue.

    Raises:
        BrokerError: the event cannot be understood.
    """
    kind = type(given)
    if EVENT_TYPES.get(kind.__name__) is not kind or kind is MarketDataEvent:
        if isinstance(given, Event):
            return given  # the engine validates slices, and names what a journal cannot hold
        raise _refusal(broker, "events()", "must yield events", given)
    facts: dict[str, Any] = {}
    for name in kind.model_fields:
        value = getattr(given, name)
        try:
            facts[name] = _bounded(name, value)
        except _Wrong as wrong:
            what = f"yielded a {kind.__name__} whose {name} must be {wrong}"
            raise _refusal(broker, "events()", what, value) from None
    try:
        event: Event = kind(**facts)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        what = f"yielded a {kind.__name__} whose {where} cannot be: {first['msg']}"
        raise _refusal(broker, "events()", what, first["input"]) from None
    except (TypeError, ValueError, ArithmeticError) as failure:
        what = f"yielded a {kind.__name__} whose facts cannot be: {describe_error(failure)}"
        raise _refusal(broker, "events()", what, facts) from None
    return event


def _bounded(name: str, value: object) -> object:
    if name in {"reason", "message"} and isinstance(value, str):
        return _shortened(value)
    if name.endswith("_id") and isinstance(value, str) and len(value) > LONGEST_ID:
        raise _Wrong(f"an id of at most {LONGEST_ID} characters")
    if name == "amount" and isinstance(value, Decimal):
        if not value.is_finite():
            raise _Wrong("finite")
        return _without_noise(value)
    return value


# -- rules: each returns the converted value, or raises _Wrong -----------------------


def _number(value: object) -> Decimal:
    if isinstance(value, str) and len(value) <= 64 and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, (bool, str)):
        raise _Wrong("a number")
    try:
        number = to_decimal(value)
    except (TypeError, ValueError, ArithmeticError):
        raise _Wrong("a number") from None
    if not (number.is_finite() and abs(number) < LARGEST):
        raise _Wrong("a finite number below 1e15")
    return _without_noise(number)


# A library that counts in floats reports 0.1 + 0.2 as 0.30000000000000004 and means
# 0.3. A float holds 15 digits; zeros or nines after them are noise.
def _without_noise(number: Decimal) -> Decimal:
    digits = len(number.as_tuple().digits)
    if digits <= _DIGITS_OF_FLOATS:
        return number
    short = Decimal(f"{Decimal(f'{number:.{_DIGITS_OF_FLOATS}g}').normalize():f}")
    return short if len(short.as_tuple().digits) <= digits - _NOISE else number


def _number_or_none(value: object) -> Decimal | None:
    return None if value is None else _number(value)


def _price(value: object) -> Decimal:
    price = _number(value)
    if price < 0:
        raise _Wrong("a price of zero or more")
    return price


def _ratio(value: object) -> Decimal:
    ratio = _number(value)
    if ratio <= 0:
        raise _Wrong("a ratio above zero")
    return ratio


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise _Wrong("a datetime with a time zone, e.g. datetime.now(UTC)")
    if type(value) is datetime and value.tzinfo is UTC:
        return value
    try:
        return datetime_of(us_of(value))
    except (OverflowError, ValueError):
        raise _Wrong("a datetime between the years 1 and 9999") from None


def _day(value: object) -> date:
    if not isinstance(value, date):
        raise _Wrong("a date")
    return value.date() if isinstance(value, datetime) else value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Wrong("a text")
    return as_utf8(value)


def _text_or_nothing(value: object) -> str:
    return "" if value is None or value is False else _shortened(_text(value))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def _id(value: object) -> str:
    if not isinstance(value, (str, bool)) and isinstance(value, SupportsIndex):
        value = str(index(value))  # a broker may use numbers as ids
    if not isinstance(value, str) or len(value) > LONGEST_ID:
        raise _Wrong(f"an id: a text of at most {LONGEST_ID} characters, or an int")
    return as_utf8(value)


def _id_or_nothing(value: object) -> str:
    return "" if value is None else _id(value)


def _name_elsewhere(value: object) -> str:
    return value if isinstance(value, str) else _id_or_nothing(value)  # of any length


def _named_id(value: object) -> str:
    name = _id(value)
    if not name:
        raise _Wrong("an id that is not empty: what it names is booked once")
    return name


def _blocked(value: object) -> str:
    return "blocked" if value is True else _text_or_nothing(value)


def _state(value: object) -> OrderState:
    if not isinstance(value, str) or value not in _STATES:
        raise _Wrong("an OrderState, e.g. OrderState.PENDING")
    return OrderState(value)


def _cash_kind(value: object) -> str:
    if not isinstance(value, str) or value not in _KINDS:
        raise _Wrong(f"one of {', '.join(sorted(_KINDS))}")
    return value


_RULES: Final[dict[type, dict[str, Rule]]] = {
    BrokerExecution: {
        "execution_id": _named_id,
        "amount": _number,
        "price": _price,
        "at": _moment,
        "commission": _number,
    },
    BrokerOrder: {
        "client_order_id": _name_elsewhere,
        "broker_order_id": _id_or_nothing,
        "symbol": _text,
        "amount": _number,
        "filled": _number,
        "average_price": _number_or_none,
        "state": _state,
        "updated_at": _moment,
        "limit": _number_or_none,
        "stop": _number_or_none,
        "reason": _text_or_nothing,
    },
    BrokerAccount: {
        "cash": _number,
        "equity": _number,
        "currency": _text,
        "account_id": _id_or_nothing,
        "blocked": _blocked,
    },
    BrokerHolding: {
        "symbol": _text,
        "amount": _number,
        "cost_basis": _number_or_none,
        "value": _number_or_none,
    },
    BrokerActivity: {
        "activity_id": _named_id,
        "kind": _cash_kind,
        "amount": _number,
        "at": _moment,
        "symbol": _text_or_nothing,
        "text": _text_or_nothing,
    },
    BrokerSplit: {"action_id": _named_id, "symbol": _text, "ratio": _ratio, "ex_date": _day},
    BrokerSymbolChange: {
        "action_id": _named_id,
        "symbol": _text,
        "new_symbol": _text,
        "effective": _day,
    },
    BrokerAction: {"action_id": _named_id, "symbol": _text, "effective": _day, "text": _text},
}
"""The rule for each field of an answer."""


def _awaitable(asked: object, broker: BrokerAdapter, where: str) -> Awaitable[object]:
    if not isinstance(asked, Awaitable):
        raise _refusal(broker, where, "must be an async def", asked)
    return asked


def _listed(
    answer: object, kind: type[T], broker: BrokerAdapter, where: str, prefix: str = ""
) -> list[T]:
    if not isinstance(answer, Iterable) or isinstance(answer, (str, bytes, Mapping)):
        raise _refusal(broker, where, f"must return a list of {kind.__name__}", answer)
    if type(broker).__module__.startswith(_OWN):
        return list(answer)
    if prefix:  # orders outside the prefix may contain anything, and there may be many
        answer = [one for one in answer if not _is_elsewhere(one, prefix)]
    return [_judged(one, kind, broker, where) for one in answer]


def _is_elsewhere(one: object, prefix: str) -> bool:
    name = one.client_order_id if isinstance(one, BrokerOrder) else prefix
    return isinstance(name, str) and not name.startswith(prefix)


def _judged(one: object, kind: type[T], broker: BrokerAdapter, where: str) -> T:
    if not isinstance(one, kind):
        raise _refusal(broker, where, f"must return a {kind.__name__}", one)
    changed: dict[str, Any] = {}
    for name, rule in _RULES[kind].items():
        value = getattr(one, name)
        try:
            believed = rule(value)
        except _Wrong as wrong:
            what = f"gave a {kind.__name__} whose {name} must be {wrong}"
            raise _refusal(broker, where, what, value) from None
        if believed is not value:
            changed[name] = believed
    if isinstance(one, BrokerOrder):
        executions = tuple(_listed(one.executions, BrokerExecution, broker, where))
        if executions != one.executions or any(
            mine is not theirs for mine, theirs in zip(executions, one.executions, strict=True)
        ):
            changed["executions"] = executions
    return replace(one, **changed) if changed else one  # type: ignore[type-var] # each kind is a dataclass


def _refusal(
    broker: BrokerAdapter,
    where: str,
    what: str,
    value: object,
    *,
    write: Callable[[object], str] = repr,
) -> BrokerError:
    return BrokerError(
        f"{where} of {type(broker).__name__} {what}: was {as_utf8(text_of(value, write)[:120])}"
    )
