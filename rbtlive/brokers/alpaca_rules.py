"""Alpaca's rules for orders: terms that are adjusted before sending, and orders that
are refused.

The rule: only terms that the broker would refuse are changed, and never to the
customer's disadvantage. Sources are in docs/venue.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from rbtlive.errors import OrderRefused
from rbtlive.model.number import plain_text

DOLLAR: Final = Decimal(1)
CENT: Final = Decimal("0.01")
SMALL_TICK: Final = Decimal("0.0001")
PAIR_FEE: Final = Decimal("0.0025")
"""Maximum fraction of a bought pair that Alpaca keeps as its fee.

Source: docs.alpaca.markets/docs/crypto-fees, taker fees of the lowest tier.
"""
SECOND_LEG: Final = "~2"
"""Suffix of the client order id for the opening part of an order that crosses zero.
"""


def is_crypto(symbol: str) -> bool:
    """Say whether a symbol is a pair, such as BTC/USD."""
    return "/" in symbol


def tick_of(price: Decimal) -> Decimal:
    """Return the price step at a price: a cent from one dollar on, a hundredth of a
    cent below.

    Source: docs.alpaca.markets/docs/orders-at-alpaca, sub-penny increments.
    """
    return CENT if price >= DOLLAR else SMALL_TICK


def legal_price(price: Decimal | None, *, up: bool, tick: Decimal | None = None) -> Decimal | None:
    """Return a price rounded up or down to its tick, by default that of shares; None
    stays None.
    """
    if price is None:
        return None
    step = tick_of(price) if tick is None else tick
    steps = (price / step).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)
    return max(steps, Decimal(1)) * step


def legal_terms(
    symbol: str,
    amount: Decimal,
    *,
    limit: Decimal | None,
    stop: Decimal | None,
    pair: PairTerms | None = None,
) -> tuple[Decimal | None, Decimal | None]:
    """Return limit and stop in a form that may be sent: both are rounded away from the
    market.

    Args:
        symbol: Symbol of the asset.
        amount: Signed shares.
        limit: Limit price, or None.
        stop: Stop price, or None.
        pair: The terms of a crypto pair.

    Raises:
        OrderRefused: the broker does not accept such an order.
    """
    if is_crypto(symbol) and stop is not None and limit is None:
        raise OrderRefused(
            f"a stop order for {symbol} is not sent: Alpaca takes market, limit and "
            "stop-limit orders for crypto; pass a limit price too"
        )
    tick = None if pair is None else pair.tick
    if pair is not None and abs(amount) < pair.smallest:
        raise OrderRefused(
            f"an order for {symbol} must be for at least {plain_text(pair.smallest)}: was "
            f"{plain_text(abs(amount))}"
        )
    buys = amount > 0
    return legal_price(limit, up=not buys, tick=tick), legal_price(stop, up=buys, tick=tick)


@dataclass(frozen=True, slots=True)
class PairTerms:
    """Minimum steps of a pair's orders, as the broker lists them.

    Attributes:
        smallest: Minimum amount of an order.
        tick: Price step.
    """

    smallest: Decimal = Decimal(0)
    tick: Decimal = Decimal("1E-9")


def time_in_force(symbol: str, amount: Decimal, *, whole: str, pairs: str) -> str:
    """Return an order's time in force; fractions of a share are day orders.

    Args:
        symbol: Symbol of the asset.
        amount: Signed shares.
        whole: The setting for whole shares.
        pairs: The setting for crypto pairs.

    Source: docs.alpaca.markets/docs/crypto-orders and /docs/fractional-trading.
    """
    if is_crypto(symbol):
        return pairs
    return whole if amount == amount.to_integral_value() else "day"


def base_id(client_order_id: str) -> str:
    """Return the client order id of the intent that a part belongs to."""
    return client_order_id.removesuffix(SECOND_LEG)


def refuse_unsellable(symbol: str, *, shortable: bool, easy: bool) -> None:
    """Refuse a short sale that the broker would refuse.

    Raises:
        OrderRefused: the asset cannot be sold short.
    """
    if is_crypto(symbol):
        raise OrderRefused(f"{symbol} cannot be sold short: Alpaca lends no crypto")
    if not shortable:
        raise OrderRefused(f"{symbol} cannot be sold short: it is not shortable at Alpaca")
    if not easy:
        raise OrderRefused(f"{symbol} cannot be sold short: it is not easy to borrow at Alpaca")
