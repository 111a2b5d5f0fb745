"""The stored data of a session's close, and the figures of its books: computed when
they are read, for many closes at once.

The rule: figures are equal to the last digit and in their written form, whether
computed position by position in Decimal or, where all numbers fit, in whole numbers of
a power of ten.
"""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from decimal import Decimal
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rbtlive.core.state.fixed_point import sums_in_fixed_point
from rbtlive.core.state.held import Held
from rbtlive.core.state.portfolio import PositionTotals, sum_of
from rbtlive.model.number import ENGINE_CONTEXT, to_decimal

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats

FEW: Final = 8
"""For fewer closes, arrays do not pay off."""
MANY: Final = 256
"""More closes are computed in parts: intermediate results stay small and trigger no
garbage collection.
"""


class SessionClose(NamedTuple):
    """The data that determines a session's row.

    Attributes:
        session: Its number.
        close_us: Its last minute, µs UTC.
        starting_cash: Cash after dividends paid at its start.
        starting_base: Capital base at its start.
        starting_value: Positions at its start; None if they are those of the close
            before, at its prices.
        cash: Cash at its close.
        capital_base: Capital base at its close.
        capital_used: Its cash flow.
        previous_return: Return of the run up to its start; None if it is that of the
            previous row.
        held: The holdings at its close.
        prices: Last sale price of each position; floats only if every price is known.
        totals: Sums over the positions; None if they follow from the prices.
        recorded: Recorded variables.
        orders: Snapshots of the orders that changed.
        transactions: First and one past the last index into the run's transactions.
        adjustments: Changes of the books that are not fills.
    """

    session: int
    close_us: int
    starting_cash: Decimal
    starting_base: Decimal
    starting_value: Decimal | None
    cash: Decimal
    capital_base: Decimal
    capital_used: Decimal
    previous_return: float | None
    held: Held
    prices: Floats | tuple[Decimal, ...]
    totals: PositionTotals | None
    recorded: dict[str, Any]
    orders: Sequence[Any]
    transactions: tuple[int, int]
    adjustments: tuple[Any, ...] = ()


NO_TOTALS: Final = sum_of(())
"""The sums where nothing is held."""


class Figures(NamedTuple):
    """Figures of a session's books; the names are those of its row."""

    starting_value: Decimal
    ending_value: Decimal
    portfolio_value: Decimal
    pnl: Decimal
    total_pnl: Decimal
    returns: float
    total_return: float
    gross_leverage: float
    net_leverage: float
    long_value: Decimal
    short_value: Decimal
    longs_count: int
    shorts_count: int


def compute_figures(
    closes: Sequence[SessionClose], *, ending_value: Decimal, total_return: float
) -> dict[str, list[Any]]:
    """Return the `Figures` of consecutive closes, each as a list.

    Args:
        closes: Oldest first.
        ending_value: Value of the positions at the close before.
        total_return: Return of the run up to the close before.
    """
    columns: list[list[Any]] = [[] for _ in Figures._fields]
    with decimal.localcontext(ENGINE_CONTEXT):
        for first in range(0, len(closes), MANY):
            part = closes[first : first + MANY]
            made = []
            for close, totals in zip(part, totals_of(part), strict=True):
                figures = _figures(close, totals, ending_value, total_return)
                made.append(figures)
                ending_value, total_return = figures.ending_value, figures.total_return
            for column, values in zip(columns, zip(*made, strict=True), strict=True):
                column.extend(values)
    return dict(zip(Figures._fields, columns, strict=True))


def _figures(
    close: SessionClose, totals: PositionTotals, ending_value: Decimal, total_return: float
) -> Figures:
    long_value, short_value = totals.long_value, totals.short_value
    net = long_value + short_value
    value = close.cash + net
    total_pnl = value - close.capital_base
    before = ending_value if close.starting_value is None else close.starting_value
    previous_pnl = close.starting_cash + before - close.starting_base
    previous = total_return if close.previous_return is None else close.previous_return
    total_return = float(total_pnl / close.capital_base)
    if value:
        net_leverage = float(net / value)
        gross_leverage = float((long_value - short_value) / value) if short_value else net_leverage
    else:
        net_leverage = gross_leverage = float("inf")
    return Figures(
        before,
        net,
        value,
        total_pnl - previous_pnl,
        total_pnl,
        (1.0 + total_return) / (1.0 + previous) - 1.0 if previous != -1.0 else 0.0,
        total_return,
        gross_leverage,
        net_leverage,
        long_value,
        short_value,
        totals.longs_count,
        totals.shorts_count,
    )


def totals_of(closes: Sequence[SessionClose]) -> list[PositionTotals]:
    """Return the sums over the positions of each close, in the engine's decimal
    context.
    """
    waiting = [(c.held.amounts, c.prices) for c in closes if not isinstance(c.prices, tuple)]
    sums = iter(sums_in_fixed_point(waiting)) if len(waiting) >= FEW else repeat(None)
    return [close.totals or next(sums) or sum_exactly(close) for close in closes]


def sum_exactly(close: SessionClose) -> PositionTotals:
    """Return the sums over a close's positions, added one by one."""
    amounts = map(Decimal, close.held.amounts)
    return sum_of(
        [amount * price for amount, price in zip(amounts, exact(close.prices), strict=True)]
    )


def exact(prices: Floats | tuple[Decimal, ...]) -> Sequence[Decimal]:
    """Return prices as decimals."""
    return prices if isinstance(prices, tuple) else [to_decimal(price) for price in prices.tolist()]
