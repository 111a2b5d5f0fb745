"""Refusals of the imitated broker that depend on the account's books.

The rule: each rule has its source beside it, and refuses in the broker's own words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from rbtlive.core.state.order import Order
from rbtlive.model.number import ZERO, plain_text
from rbtlive.venue.order_requests import OrderRequest, Refused

PDT_EQUITY = Decimal(25_000)
PDT_TRADES = 3
PDT_SESSIONS = 5


@dataclass(slots=True)
class DayTrades:
    """Positions opened and closed within a session.

    Source: docs.alpaca.markets/docs/user-protection, pattern day trader protection.
    """

    opened: dict[str, int] = field(default_factory=dict)
    closed: list[tuple[int, str]] = field(default_factory=list)

    def note(self, symbol: str, session: int, *, before: Decimal, amount: Decimal) -> None:
        """Record an execution: the position before it, and its signed shares."""
        if not before or (before > 0) == (amount > 0):
            self.opened[symbol] = session
        elif self.opened.pop(symbol, None) == session:
            # Several sales of one purchase are one day trade; a purchase after them
            # starts another.
            self.closed.append((session, symbol))

    def would_be(self, symbol: str, session: int, *, held: Decimal, amount: Decimal) -> bool:
        """Say whether an order closes a position opened in this session."""
        return bool(held) and (held > 0) != (amount > 0) and self.opened.get(symbol) == session

    def count(self, session: int) -> int:
        """Return the number of day trades in the last sessions."""
        return sum(1 for when, _symbol in self.closed if when > session - PDT_SESSIONS)


class Resting(Protocol):
    """An order at the venue, as the rules see it."""

    @property
    def request(self) -> OrderRequest:
        """The client's request."""

    @property
    def order(self) -> Order:
        """The order's state in the book."""


class Account(Protocol):
    """The account's books, as the rules see them."""

    market: Any
    last_equity: Decimal
    day_trades: DayTrades
    hard_to_borrow: frozenset[str]

    @property
    def cash(self) -> Decimal:
        """Return the money that is not in positions."""

    def price_of(self, symbol: str) -> Decimal:
        """Return the last price of an asset, zero before the first."""

    def open_orders(self) -> Sequence[Resting]:
        """Return the orders that may still fill."""


def check(book: Account, request: OrderRequest, held: Decimal) -> None:
    """Raise Refused for an order that the broker refuses.

    Args:
        book: The account's books.
        request: The request.
        held: Signed shares held of the asset.

    Raises:
        Refused: the request breaks a rule.
    """
    resting = [one for one in book.open_orders() if one.request.symbol == request.symbol]
    _check_available(request, held, resting)
    _check_wash_trade(request, resting)
    _check_short(book, request, held)
    session = book.market.session
    if (
        not request.is_crypto
        and book.last_equity < PDT_EQUITY
        and book.day_trades.count(session) >= PDT_TRADES
        and book.day_trades.would_be(request.symbol, session, held=held, amount=request.amount)
    ):
        raise Refused(403, 40310100, "trade denied due to pattern day trading protection")


def _check_available(request: OrderRequest, held: Decimal, resting: Iterable[Resting]) -> None:
    # No order crosses zero, and shares that an open order holds are not available.
    # Source: docs.alpaca.markets/docs/orders-at-alpaca, and questions on
    # forum.alpaca.markets about "insufficient qty available for order".
    amount = request.amount
    if not held or (held > 0) == (amount > 0):
        return
    reserved = sum(
        (abs(one.order.open_amount) for one in resting if one.order.amount * amount > 0), ZERO
    )
    available = max(ZERO, abs(held) - reserved)
    if abs(amount) > available:
        raise Refused(
            403,
            40310000,
            f"insufficient qty available for order (requested: {plain_text(abs(amount))}, "
            f"available: {plain_text(available)})",
        )


def _check_wash_trade(request: OrderRequest, resting: Iterable[Resting]) -> None:
    # Two orders of one account must not be able to trade with each other. Sources: the
    # page docs.alpaca.markets/docs/user-protection, and forum.alpaca.markets/t/13817
    for one in resting:
        other = one.request
        if other.side == request.side:
            continue
        prices = (request.limit_price, other.limit_price)
        if request.type == other.type == "limit" and None not in prices:
            buy, sell = prices if request.side == "buy" else prices[::-1]
            assert buy is not None
            assert sell is not None
            if buy < sell:
                continue
        kind = "limit" if other.type == "limit" else "market/stop"
        raise Refused(
            403,
            40310000,
            f"potential wash trade detected. use complex orders: opposite side {kind} order exists",
        )


def check_restrictions(account: Mapping[str, Any]) -> None:
    """Raise Refused for any order of an account that may not trade.

    Args:
        account: Facts of the account that differ from those of an unrestricted one.

    Source: docs.alpaca.markets/docs/account-activities and /reference/getaccount-1, the
    account's flags and statuses.

    Raises:
        Refused: the account is blocked, suspended, or not active.
    """
    if account.get("trade_suspended_by_user"):
        raise Refused(403, 40310000, "new orders are rejected by user request")
    blocked = account.get("account_blocked") or account.get("trading_blocked")
    if blocked or account.get("status", "ACTIVE") != "ACTIVE":
        raise Refused(403, 40310000, "account is restricted from trading")


def check_cash(book: Account, request: OrderRequest, needed: Decimal) -> None:
    """Refuse to buy a pair with more than the account's own cash.

    Source: docs.alpaca.markets/docs/crypto-trading: crypto cannot be bought on margin.

    Raises:
        Refused: it costs more than the cash that is not held by other open orders of
            pairs.
    """
    if not request.is_crypto:
        return
    reserved = sum(
        (
            one.order.open_amount * (one.request.limit_price or book.price_of(one.request.symbol))
            for one in book.open_orders()
            if one.request.is_crypto and one.request.side == "buy"
        ),
        ZERO,
    )
    available = max(ZERO, book.cash - reserved)
    if needed > available:
        quote = request.symbol.partition("/")[2]
        raise Refused(
            403,
            40310000,
            f"insufficient balance for {quote} (requested: {plain_text(needed)}, available: "
            f"{plain_text(available)})",
        )


def _check_short(book: Account, request: OrderRequest, held: Decimal) -> None:
    # Source: docs.alpaca.markets/docs/margin-and-short-selling and /fractional-trading.
    if request.side != "sell" or held > 0:
        return
    if request.is_crypto:
        raise Refused(403, 40310000, f"insufficient balance for {request.symbol.partition('/')[0]}")
    if request.qty % 1:
        raise Refused(403, 40310000, "fractional orders cannot be sold short")
    if request.symbol in book.hard_to_borrow:
        raise Refused(422, 42210000, f'asset "{request.symbol}" cannot be sold short')
