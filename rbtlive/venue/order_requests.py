"""Validate orders from the wire: a request is an order that may be placed.

The rule: every error is reported in the venue's own words with its status and code,
before anything is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any, Literal

from rbtlive.model.number import plain_text

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit", "stop", "stop_limit"]
TimeInForce = Literal["day", "gtc", "ioc"]

STOCK_FORCES = ("day", "gtc")
CRYPTO_FORCES = ("gtc", "ioc")
CENT = Decimal("0.01")
SMALL_TICK = Decimal("0.0001")
MAX_ID_LENGTH = 128
MAX_DECIMALS = 9
_PRICES: dict[str, tuple[str, ...]] = {
    "market": (),
    "limit": ("limit_price",),
    "stop": ("stop_price",),
    "stop_limit": ("limit_price", "stop_price"),
}
_LARGEST = Decimal("1E12")
_WIRE_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_INTENTS = ("buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close")
_NOT_HERE = ("legs", "take_profit", "stop_loss", "trail_price", "trail_percent")


class Refused(Exception):  # noqa: N818 - named for its meaning
    """The venue refuses a request.

    Attributes:
        status: HTTP status.
        code: The venue's own code.
        message: The venue's words.
    """

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order that may be placed.

    Attributes:
        client_order_id: The client's unique id.
        symbol: Ticker.
        qty: Shares, positive.
        side: "buy" or "sell".
        type: "market", "limit", "stop" or "stop_limit".
        time_in_force: "day", "gtc", or for pairs "ioc".
        limit_price: Price, or None.
        stop_price: Price, or None.
        extended_hours: Whether it may fill before and after the session.
        notional: Money requested instead of shares, or None.
    """

    client_order_id: str
    symbol: str
    qty: Decimal
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    extended_hours: bool = False
    notional: Decimal | None = None

    @property
    def is_crypto(self) -> bool:
        """Whether it trades a pair, such as BTC/USD."""
        return "/" in self.symbol

    @property
    def amount(self) -> Decimal:
        """Signed shares."""
        return self.qty if self.side == "buy" else -self.qty

    def facts(self) -> dict[str, Any]:
        """Return the request as JSON values."""
        return {
            name: plain_text(value) if isinstance(value, Decimal) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> OrderRequest:
        """Return the request that `facts` describes."""
        numbers = ("qty", "limit_price", "stop_price", "notional")
        values: dict[str, Any] = {
            name: Decimal(value) if name in numbers and value is not None else value
            for name, value in facts.items()
        }
        return cls(**values)


def read_order_request(
    body: object, *, new_id: str, price_of: Callable[[str], Decimal | None]
) -> OrderRequest:
    """Return the order request in a request's body.

    Args:
        body: The parsed JSON.
        new_id: The client order id for a body that has none.
        price_of: Returns the last price of a symbol, None if unknown.

    Raises:
        Refused: the order cannot be placed; the error says why.
    """
    if not isinstance(body, Mapping):
        raise Refused(422, 40010001, "request body must be an object")
    for name in _NOT_HERE:
        if body.get(name) is not None:
            raise Refused(422, 40010001, f"{name} is not supported by this venue")
    if body.get("order_class") not in (None, "", "simple"):
        raise Refused(
            422, 40010001, "order_class is not supported by this venue: only simple orders are"
        )
    client_order_id = body.get("client_order_id") or new_id
    if not isinstance(client_order_id, str) or len(client_order_id) > MAX_ID_LENGTH:
        raise Refused(
            422, 40010001, f"client_order_id must be text of at most {MAX_ID_LENGTH} characters"
        )
    symbol = body.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise Refused(422, 40010001, "symbol is required")
    kind = _choice(body, "type", tuple(_PRICES))
    forces = CRYPTO_FORCES if "/" in symbol else STOCK_FORCES
    force = _choice(body, "time_in_force", forces)
    qty, notional = _size(body, symbol, kind=kind, force=force, price_of=price_of)
    side = _choice(body, "side", ("buy", "sell"))
    _check_intent(body, side)
    if not isinstance(body.get("extended_hours", False), bool | None):
        raise Refused(422, 40010001, "extended_hours must be true or false")
    request = OrderRequest(
        client_order_id=client_order_id,
        symbol=symbol,
        qty=qty,
        side=side,  # type: ignore[arg-type]
        type=kind,  # type: ignore[arg-type]
        time_in_force=force,  # type: ignore[arg-type]
        extended_hours=bool(body.get("extended_hours")),
        notional=notional,
        **_prices(body, kind),
    )
    _check_rules(request)
    return request


def _size(
    body: Mapping[str, Any],
    symbol: str,
    *,
    kind: str,
    force: str,
    price_of: Callable[[str], Decimal | None],
) -> tuple[Decimal, Decimal | None]:
    # Either shares, or money for market orders.
    if body.get("notional") is None:
        return positive_number(body, "qty"), None
    if body.get("qty") is not None:
        raise Refused(422, 40010001, "qty and notional must not both be given")
    if kind != "market" or (force != "day" and "/" not in symbol):
        raise Refused(422, 42210000, "notional orders must be market orders for the day")
    notional = positive_number(body, "notional")
    price = price_of(symbol)
    if price is None or not price:
        raise Refused(403, 40310000, f'asset "{symbol}" has no price yet')
    step = Decimal(1).scaleb(-MAX_DECIMALS)
    qty = (notional / price).quantize(step, rounding=ROUND_DOWN)
    if not qty:
        raise Refused(422, 40010001, "notional is worth less than the smallest amount")
    return qty, notional


def _check_rules(request: OrderRequest) -> None:
    # Sources: docs.alpaca.markets/docs/orders-at-alpaca, /crypto-orders and
    # /fractional-trading.
    if request.is_crypto:
        if request.type == "stop":
            raise Refused(422, 42210000, "invalid order type for crypto order")
        return
    if request.qty % 1 and request.time_in_force != "day":
        raise Refused(422, 42210000, "fractional orders must be DAY orders")
    if request.extended_hours and (request.type, request.time_in_force) != ("limit", "day"):
        raise Refused(422, 42210000, "extended hours order must be DAY limit orders")
    for name in ("limit_price", "stop_price"):
        price = getattr(request, name)
        if price is not None and price % (CENT if price >= 1 else SMALL_TICK):
            raise Refused(
                422,
                42210000,
                f"invalid {name} {plain_text(price)}. sub-penny increment does not fulfill "
                "minimum pricing criteria",
            )


# A declared position intent must at least match the side.
def _check_intent(body: Mapping[str, Any], side: str) -> None:
    intent = body.get("position_intent")
    if intent is None:
        return
    if intent not in _INTENTS:
        raise Refused(422, 40010001, "invalid position_intent specified")
    if not intent.startswith(side):
        raise Refused(422, 42210000, f"position intent mismatch: side is {side}, intent {intent}")


def _choice(body: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = body.get(name)
    if not isinstance(value, str) or value not in choices:
        raise Refused(422, 40010001, f"{name} must be one of {', '.join(choices)}")
    return value


def _prices(body: Mapping[str, Any], kind: str) -> dict[str, Decimal]:
    for name in ("limit_price", "stop_price"):
        if body.get(name) is not None and name not in _PRICES[kind]:
            raise Refused(422, 40010001, f"{kind} orders must not have {name}")
    return {name: positive_number(body, name) for name in _PRICES[kind]}


def wire_number(value: str | int | Decimal) -> Decimal:
    """Return a number from the wire, which must be written in ASCII digits.

    Raises:
        InvalidOperation: it is not such a number.
    """
    if isinstance(value, str) and not _WIRE_NUMBER.fullmatch(value):
        raise InvalidOperation
    return Decimal(value)


def positive_number(body: Mapping[str, Any], name: str) -> Decimal:
    """Return a required number of a body, positive and with few enough decimals.

    Raises:
        Refused: the number is missing or invalid.
    """
    value = body.get(name)
    if value is None:
        raise Refused(422, 40010001, f"{name} is required")
    number: Decimal | None = None
    if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool):
        try:
            number = wire_number(value)
        except InvalidOperation:
            number = None
    if number is None or not number.is_finite() or not 0 < number <= _LARGEST:
        raise Refused(422, 40010001, f"{name} must be a positive number")
    exponent = number.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > MAX_DECIMALS:
        raise Refused(422, 40010001, f"{name} must have at most {MAX_DECIMALS} decimals")
    return number
