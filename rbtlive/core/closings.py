"""What is kept of a session's close, and what its books come to: reckoned when somebody reads, for many closes at once.

The rule: what follows from a close is equal to the last digit, and in how it is written, whichever way it is reckoned: position
by position in Decimal, or in whole numbers of a power of ten where all of them fit.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rbtlive.core.portfolio import PositionTotals, sum_of
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, to_decimal
from rbtlive.utils.arrays import NDArray, np

if TYPE_CHECKING:
    from rbtlive.data.panel import Floats

FEW: Final = 8
"""Fewer closes than these are not worth arrays."""
MANY: Final = 256
"""More are reckoned in parts: what is in between stays small, and wakes no garbage collector."""

Held = tuple[tuple[str, int, Decimal, Decimal], ...]
"""Symbol, sid, signed amount and cost basis of each position."""


class Closing(NamedTuple):
    """What decides a session's row.

    Attributes:
        session: Its number.
        close_us: Its last minute, µs UTC.
        starting_cash: Cash after dividends paid at its start.
        starting_base: Capital base at its start.
        starting_value: Positions at its start; None if they are what the close before left, at its prices.
        previous_pnl: Profit of the run up to its start; None if that follows from the close before.
        cash: Cash at its close.
        capital_base: Capital base at its close.
        capital_used: Its cash flow.
        previous_return: Return of the run up to its start; None if it is that of the row before.
        held: What is held at its close.
        prices: Last sale price of each position, as floats only if every one is known.
        totals: Sums over the positions; None if they follow from the prices.
        recorded: Recorded variables.
        orders: Pictures of the orders that changed.
        transactions: First and one past the last index into the run's transactions.
    """

    session: int
    close_us: int
    starting_cash: Decimal
    starting_base: Decimal
    starting_value: Decimal | None
    previous_pnl: Decimal | None
    cash: Decimal
    capital_base: Decimal
    capital_used: Decimal
    previous_return: float | None
    held: Held
    prices: Floats | tuple[Decimal, ...]
    totals: PositionTotals | None
    recorded: dict[str, Any]
    orders: tuple[Any, ...]
    transactions: tuple[int, int]


class Figures(NamedTuple):
    """What a session's books come to; the names are those of its row."""

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


def reckon(
    closings: Sequence[Closing], *, ending_value: Decimal, total_return: float
) -> dict[str, list[Any]]:
    """Return the `Figures` of consecutive closes, each as a list.

    Args:
        closings: Oldest first.
        ending_value: Value of the positions at the close before.
        total_return: Return of the run up to the close before.
    """
    columns: list[list[Any]] = [[] for _ in Figures._fields]
    with decimal.localcontext(ENGINE_CONTEXT):
        for first in range(0, len(closings), MANY):
            part = closings[first : first + MANY]
            made = []
            for closing, totals in zip(part, totals_of(part), strict=True):
                figures = _figures(closing, totals, ending_value, total_return)
                made.append(figures)
                ending_value, total_return = figures.ending_value, figures.total_return
            for column, values in zip(columns, zip(*made, strict=True), strict=True):
                column.extend(values)
    return dict(zip(Figures._fields, columns, strict=True))


def _figures(closing: Closing, totals: PositionTotals, ending_value: Decimal, total_return: float) -> Figures:
    long_value, short_value = totals.long_value, totals.short_value
    net = long_value + short_value
    value = closing.cash + net
    total_pnl = value - closing.capital_base
    before = ending_value if closing.starting_value is None else closing.starting_value
    previous_pnl = closing.previous_pnl
    if previous_pnl is None:
        previous_pnl = closing.starting_cash + before - closing.starting_base
    previous = total_return if closing.previous_return is None else closing.previous_return
    total_return = float(total_pnl / closing.capital_base)
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


def totals_of(closings: Sequence[Closing]) -> list[PositionTotals]:
    """Return the sums over the positions of each close, in the engine's decimal context."""
    open_questions = [number for number, closing in enumerate(closings) if closing.totals is None]
    answers: dict[int, PositionTotals] = {}
    if len(open_questions) >= FEW:
        answers = _in_whole_numbers(closings, open_questions)
    return [
        closing.totals or answers.get(number) or sum_exactly(closing)
        for number, closing in enumerate(closings)
    ]


def sum_exactly(closing: Closing) -> PositionTotals:
    """Return the sums over the positions of a close, one by one."""
    return sum_of(
        [amount * price for (_, _, amount, _), price in zip(closing.held, exact(closing.prices), strict=True)]
    )


def exact(prices: Floats | tuple[Decimal, ...]) -> Sequence[Decimal]:
    """Return prices as decimals."""
    return prices if isinstance(prices, tuple) else [to_decimal(price) for price in prices.tolist()]


# -- whole numbers -------------------------------------------------------------------------------------------

_MOST_DECIMALS: Final = 9
_MOST_DIGITS: Final = 1e15
"""Below it a decimal is known by its float: fifteen digits lead there and back."""
_MOST_TOTAL: Final = float(1 << 62)
_TENS: Final = [10.0**power for power in range(2 * _MOST_DECIMALS + 1)]


class _Amounts(NamedTuple):
    whole: NDArray[np.int64]  # in units of 10 ** -scale
    decimals: NDArray[np.int64]  # of each amount; below zero for 1E+2
    scale: int


def _whole_amounts(held: Held) -> _Amounts | None:
    amounts = [amount for _, _, amount, _ in held]
    exponents: list[Any] = [0]
    if not all(map(ZERO.same_quantum, amounts)):
        exponents = [amount.as_tuple().exponent for amount in amounts]
        if not all(isinstance(exponent, int) and abs(exponent) <= _MOST_DECIMALS for exponent in exponents):
            return None
    scale = -min(0, *exponents)
    if scale:
        amounts = [amount.scaleb(scale) for amount in amounts]
    whole = list(map(int, amounts))
    if max(whole) >= _MOST_DIGITS or min(whole) <= -_MOST_DIGITS:
        return None
    decimals = np.zeros(len(whole), dtype=np.int64)
    decimals -= np.array(exponents)
    return _Amounts(np.array(whole, dtype=np.int64), decimals, scale)


# How many decimals each price is written with, one at least; 0 for a price that is not positive or has too many digits.
def _decimals_of(prices: Floats) -> NDArray[np.int64]:
    decimals = np.zeros(len(prices), dtype=np.int64)
    rest = prices > 0.0
    with np.errstate(over="ignore"):
        for places in range(1, _MOST_DECIMALS + 1):
            whole = np.rint(prices * _TENS[places])
            written = rest & (whole < _MOST_DIGITS) & (whole / _TENS[places] == prices)
            decimals[written] = places
            rest &= ~written
            if not rest.any():
                break
    return decimals


def _in_whole_numbers(closings: Sequence[Closing], numbers: Sequence[int]) -> dict[int, PositionTotals]:
    known: dict[int, _Amounts | None] = {}
    chosen, amounts = [], []
    for number in numbers:
        held = closings[number].held
        if id(held) not in known:
            known[id(held)] = _whole_amounts(held)
        found = known[id(held)]
        if found is not None:
            chosen.append(number)
            amounts.append(found)
    if not chosen:
        return {}
    prices = np.concatenate([np.asarray(closings[number].prices) for number in chosen])
    return {
        number: totals
        for number, totals in zip(chosen, _sums(prices, amounts), strict=True)
        if totals is not None
    }


# The sums of each close, whose prices follow one another; None where something would not fit.
def _sums(prices: Floats, amounts: Sequence[_Amounts]) -> Iterator[PositionTotals | None]:
    lengths = np.array([len(part.whole) for part in amounts])
    starts = np.cumsum(lengths) - lengths
    whole = np.concatenate([part.whole for part in amounts])
    decimals = _decimals_of(prices)
    price_scale = np.maximum.reduceat(decimals, starts)
    with np.errstate(over="ignore"):
        scaled = np.rint(prices * np.array(_TENS)[np.repeat(price_scale, lengths)])
        fits = (
            (np.minimum.reduceat(decimals, starts) > 0)
            & (np.maximum.reduceat(scaled, starts) < _MOST_DIGITS)
            & (np.add.reduceat(np.abs(whole) * scaled, starts) < _MOST_TOTAL)
        )
    values = whole * np.where(np.repeat(fits, lengths), scaled, 0.0).astype(np.int64)
    decimals += np.concatenate([part.decimals for part in amounts])
    sides = [*_side(values, decimals, values > 0, starts), *_side(values, decimals, values < 0, starts)]
    scales = (price_scale + np.array([part.scale for part in amounts])).tolist()
    for fit, scale, longs, long_decimals, long_count, shorts, short_decimals, short_count in zip(
        fits.tolist(), scales, *sides, strict=True
    ):
        yield (
            PositionTotals(
                _decimal(longs, scale, long_decimals),
                _decimal(shorts, scale, short_decimals),
                long_count,
                short_count,
            )
            if fit
            else None
        )


# Of one side of the books: the sum of each close, how many decimals it is written with, and of how many positions it is.
def _side(
    values: NDArray[np.int64], decimals: NDArray[np.int64], side: NDArray[np.bool_], starts: NDArray[np.int64]
) -> Iterator[list[int]]:
    if not side.any():
        yield from [[0] * len(starts)] * 3
        return
    if not side.all():
        values, decimals = values * side, decimals * side
    yield np.add.reduceat(values, starts).tolist()
    yield np.maximum.reduceat(decimals, starts).clip(0).tolist()
    yield np.add.reduceat(side, starts, dtype=np.int64).tolist()


# A sum in units of 10 ** -scale with as many decimals as adding Decimals would leave.
def _decimal(total: int, scale: int, decimals: int) -> Decimal:
    if not total:
        return ZERO
    whole = total if scale == decimals else total // 10 ** (scale - decimals)
    return Decimal(whole).scaleb(-decimals)
