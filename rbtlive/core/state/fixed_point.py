"""What positions come to, for many closes at once: products and sums in whole numbers
of a power of ten.

The rule: an answer is the one that Decimal gives, in value and in the digits it is
written with, or there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rbtlive.core.state.portfolio import PositionTotals
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.number import ZERO

if TYPE_CHECKING:
    from rbtlive.data.bars.panel import Floats

_MOST_DECIMALS: Final = 9
_MOST_DIGITS: Final = 1e15
"""Below it a decimal is known by its float: fifteen digits lead there and back."""
_MOST_TOTAL: Final = float(1 << 62)
_TENS: Final = [10.0**power for power in range(_MOST_DECIMALS + 1)]


def sums_in_fixed_point(
    closes: Sequence[tuple[list[Decimal], Floats]],
) -> list[PositionTotals | None]:
    """Return the sums over the positions of each close; None where something does not
    fit.

    Prices must be positive, of at most nine decimals and fifteen digits, amounts of at
    most nine decimals, and sums below 2**62 in units of their last decimal.

    Args:
        closes: Signed shares, a list that closes may share, and the price of each
            position.
    """
    known: dict[int, _Amounts | None] = {}
    for shares, _ in closes:
        if id(shares) not in known:
            known[id(shares)] = _whole_amounts(shares)
    fitting = [(known[id(shares)], prices) for shares, prices in closes]
    amounts = [part for part, _ in fitting if part is not None]
    if not amounts:
        return [None] * len(closes)
    sums = _sums(np.concatenate([prices for part, prices in fitting if part is not None]), amounts)
    return [None if part is None else next(sums) for part, _ in fitting]


class _Amounts(NamedTuple):
    whole: NDArray[np.int64]  # in units of 10 ** -scale
    decimals: NDArray[np.int64]  # of each amount; below zero for 1E+2
    scale: int


def _whole_amounts(amounts: list[Decimal]) -> _Amounts | None:
    exponents: list[Any] = [0]
    if not all(map(ZERO.same_quantum, amounts)):
        exponents = [amount.as_tuple().exponent for amount in amounts]
        if not all(
            isinstance(exponent, int) and abs(exponent) <= _MOST_DECIMALS for exponent in exponents
        ):
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


# How many decimals each price is written with, one at least; 0 for a price that is not
# positive or has too many digits.
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


# The sums of each close, whose prices follow one another; None where something would
# not fit.
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
    sides = [
        *_side(values, decimals, values > 0, starts),
        *_side(values, decimals, values < 0, starts),
    ]
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


# Of one side of the books: the sum of each close, how many decimals it is written with,
# and of how many positions it is.
def _side(
    values: NDArray[np.int64],
    decimals: NDArray[np.int64],
    side: NDArray[np.bool_],
    starts: NDArray[np.int64],
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
