"""Trades on an account by orders placed elsewhere, and whose shares they used.

The rule: a trade is judged by the runs' holdings when it was made, not when it is
found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from rbtlive.brokers.base import BrokerAdapter
from rbtlive.model.number import MONEY_QUANTUM, ZERO
from rbtlive.runtime.broker import asking
from rbtlive.runtime.broker.ownership import is_outsides

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore

Trade: TypeAlias = tuple[datetime, Decimal, Decimal]
"""Time of the trade, signed shares, and price per share."""


async def trades_elsewhere(
    broker: BrokerAdapter, *, runs: Iterable[str], spelled: Callable[[str], str]
) -> dict[str, list[Trade]]:
    """Return the trades of orders that belong to no run, by symbol.

    Args:
        broker: The broker.
        runs: Ids of the runs on the account.
        spelled: Returns a symbol in the run's spelling.
    """
    prefixes = tuple(f"{run_id}-" for run_id in runs)
    found: dict[str, list[Trade]] = {}
    for order in await asking.orders(broker):
        if order.client_order_id.startswith(prefixes) or not order.filled:
            continue
        trades = [(one.at, one.amount, one.price) for one in order.executions]
        if sum((amount for _at, amount, _price in trades), ZERO) != order.filled:
            trades = [(order.updated_at, order.filled, order.average_price or ZERO)]
        found.setdefault(order.symbol, []).extend(trades)
    named: dict[str, list[Trade]] = {}
    for symbol, trades in found.items():
        named.setdefault(spelled(symbol), []).extend(trades)
    return named


def totals(trades: Mapping[str, list[Trade]]) -> dict[str, Decimal]:
    """Return the signed shares of all trades, by symbol."""
    return {symbol: sum((n for _at, n, _price in made), ZERO) for symbol, made in trades.items()}


def owned_until(core: TradingCore, symbol: str, now: Decimal) -> Callable[[datetime], Decimal]:
    """Return a function that gives the signed shares that the runs owned at a time.

    Args:
        core: The run that looks; for other runs, current holdings are used.
        symbol: Symbol of the asset.
        now: The runs' current holdings.
    """
    done = [t for t in core.state.record.transactions if t.asset.symbol == symbol]
    return lambda at: now - sum((t.amount for t in done if t.dt > at), ZERO)


def left_the_runs_theirs(
    trades: Iterable[Trade],
    came: Decimal,
    *,
    before: Decimal,
    owned_at: Callable[[datetime], Decimal],
) -> bool:
    """Say whether the last trades placed elsewhere left the runs the shares that they
    owned when each was made. A purchase made before a run sells short has taken nothing
    from it.

    Args:
        trades: Time and signed shares of each known trade.
        came: Signed shares of the trades to judge: the last ones of `trades`.
        before: Signed shares held outside before them.
        owned_at: Returns the signed shares that the runs owned at a time.
    """
    last = _latest(trades, came)
    for at, amount, _price in last:
        if not is_outsides(before, before + amount, owned_at(at)):
            return False
        before += amount
    return bool(last)


def price_of(trades: Iterable[Trade], came: Decimal) -> Decimal | None:
    """Return the average price of the last trades placed elsewhere, those of `came`
    signed shares; None if they do not show one.
    """
    last = _latest(trades, came)
    if not last or any(price <= 0 for _at, _amount, price in last):
        return None
    price = sum((amount * price for _at, amount, price in last), ZERO) / came
    return price.quantize(MONEY_QUANTUM) if price > 0 else None


# The last trades of so many signed shares in all, oldest first; none if there are none.
def _latest(trades: Iterable[Trade], came: Decimal) -> list[Trade]:
    last, rest = [], came
    for trade in sorted(trades, reverse=True):
        last.append(trade)
        rest -= trade[1]
        if not rest:
            return last[::-1]
    return []
