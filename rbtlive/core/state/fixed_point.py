"""Sums over positions at many closes at once, computed in whole numbers of a power of
ten.

The rule: an answer equals the Decimal result in value and in its written digits;
otherwise there is no answer.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rbtlive.core.state.held import Amounts
from rbtlive.core.state.portfolio import PositionTotals
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.number import ZERO

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats

_MOST_DECIMALS: Final = 9
_MOST_DIGITS: Final = 1e15
"""Below this, a float identifies its decimal: fifteen digits survive the round trip."""
_MOST_TOTAL: Final = float(1 << 62)
_TENS: Final = [10.0**power for power in range(_MOST_DECIMALS + 1)]


def sums_in_fixed_point(
    closes: Sequence[tuple[Amounts, Floats]],
) -> list[PositionTotals | None]:
    """Return the sums over the positions of each close; None if a number does not fit.

    Prices must be positive, with at most nine decimals and fifteen digits; amounts need
    at most nine decimals, and sums must stay below 2**62 in units of their last
    decimal.

    Args:
        closes: Signed shares, in a list that closes may share, and the price of each
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
    sums = _sums(
        np.concatenate([prices for part, prices in fitting if part is not None]),
        np.concatenate([part.whole for part in amounts]),
        np.concatenate([part.decimals for part in amounts]),
        lengths=np.array([len(part.whole) for part in amounts]),
        scales=np.array([part.scale for part in amounts]),
    )
    totals = _totals(sums)
    return [None if part is None else next(totals) for part, _ in fitting]


class FixedPointSums(NamedTuple):
    """Sums over the positions of each close, in whole numbers.

    Attributes:
        fits: Whether a close's numbers are valid; otherwise they mean nothing.
        scales: Each close's sums are in units of 10 ** -scale.
        longs: Value of long positions.
        long_decimals: Number of decimals in the written Decimal.
        long_counts: Number of long positions.
        shorts: Value of short positions: zero or below. Its fields mirror those of
            longs.
    """

    fits: NDArray[np.bool_]
    scales: NDArray[np.int64]
    longs: NDArray[np.int64]
    long_decimals: NDArray[np.int64]
    long_counts: NDArray[np.int64]
    shorts: NDArray[np.int64]
    short_decimals: NDArray[np.int64]
    short_counts: NDArray[np.int64]


def fixed_point_sums(
    shares: Sequence[Amounts], prices: Sequence[Floats], counts: NDArray[np.int64]
) -> FixedPointSums | None:
    """Return the sums over positions for the closes of all blocks, in order; None if a
    number does not fit (see `sums_in_fixed_point`).

    Args:
        shares: Signed shares in each block.
        prices: The price of each position at each close of a block, closes x positions
            or one close after the other.
        counts: The number of closes of each.
    """
    amounts = _flat_amounts(shares)
    if amounts is None:
        return None
    lengths = np.fromiter(map(len, shares), dtype=np.int64, count=len(shares))
    sums = _sums(
        np.concatenate(prices, axis=None, dtype=np.float64),
        _repeated(amounts.whole, lengths, counts),
        _repeated(amounts.decimals, lengths, counts),
        lengths=np.repeat(lengths, counts),
        scales=np.repeat(amounts.scales, counts),
    )
    return sums if sums.fits.all() else None


# Repeats each block's part as often as its count says, one block after the other.
def _repeated(
    values: NDArray[np.int64], lengths: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.int64]:
    if len(values) == len(lengths):  # one position each
        return np.repeat(values, counts)
    parts = np.split(values, np.cumsum(lengths)[:-1])
    return np.concatenate(
        [np.tile(part, n) for part, n in zip(parts, counts.tolist(), strict=True)]
    )


class _FlatAmounts(NamedTuple):
    whole: NDArray[np.int64]  # of all blocks, each in units of 10 ** -scale
    decimals: NDArray[np.int64]
    scales: NDArray[np.int64]  # of each block


def _flat_amounts(blocks: Sequence[Amounts]) -> _FlatAmounts | None:
    if not any(isinstance(block, array) for block in blocks):
        flat: list[Any] = list(chain.from_iterable(blocks))
        if all(map(ZERO.same_quantum, flat)):  # whole shares, as in most runs: all at once
            whole = list(map(int, flat))
            if not -_MOST_DIGITS < min(whole) <= max(whole) < _MOST_DIGITS:
                return None
            none = np.zeros(len(flat), dtype=np.int64)
            return _FlatAmounts(np.array(whole, dtype=np.int64), none, none[: len(blocks)])
    known = [part for part in map(_whole_amounts, blocks) if part is not None]
    if len(known) < len(blocks):
        return None
    return _FlatAmounts(
        np.concatenate([part.whole for part in known]),
        np.concatenate([part.decimals for part in known]),
        np.array([part.scale for part in known]),
    )


class _Amounts(NamedTuple):
    whole: NDArray[np.int64]  # in units of 10 ** -scale
    decimals: NDArray[np.int64]  # of each amount; negative for 1E+2
    scale: int


def _whole_amounts(amounts: Amounts) -> _Amounts | None:
    if isinstance(amounts, array):
        numbers = np.array(amounts, dtype=np.int64)
        return _within(numbers, np.zeros(len(numbers), dtype=np.int64), scale=0)
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
    if float(max(map(abs, amounts))) >= _MOST_DIGITS:
        return None
    decimals = np.zeros(len(amounts), dtype=np.int64)
    decimals -= np.array(exponents)
    return _within(np.array(list(map(int, amounts)), dtype=np.int64), decimals, scale=scale)


def _within(
    whole: NDArray[np.int64], decimals: NDArray[np.int64], *, scale: int
) -> _Amounts | None:
    if whole.max() >= _MOST_DIGITS or whole.min() <= -_MOST_DIGITS:
        return None
    return _Amounts(whole, decimals, scale)


# Number of decimals that each price is written with, at least one; 0 for a price that
# is not positive or has too many digits.
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


# The sums of closes whose positions follow one another; `lengths` counts them.
def _sums(
    prices: Floats,
    whole: NDArray[np.int64],
    amount_decimals: NDArray[np.int64],
    *,
    lengths: NDArray[np.int64],
    scales: NDArray[np.int64],
) -> FixedPointSums:
    starts = np.cumsum(lengths) - lengths
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
    decimals += amount_decimals
    return FixedPointSums(
        fits,
        price_scale + scales,
        *_side(values, decimals, values > 0, starts),
        *_side(values, decimals, values < 0, starts),
    )


# The sums as Decimals; None where a number does not fit.
def _totals(sums: FixedPointSums) -> Iterator[PositionTotals | None]:
    for fit, scale, longs, long_decimals, long_count, shorts, short_decimals, short_count in zip(
        *(column.tolist() for column in sums), strict=True
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


# One side of the books: each close's sum, the number of its decimals, and the number of
# its positions.
def _side(
    values: NDArray[np.int64],
    decimals: NDArray[np.int64],
    side: NDArray[np.bool_],
    starts: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    if not side.any():
        nothing = np.zeros(len(starts), dtype=np.int64)
        return nothing, nothing, nothing
    if not side.all():
        values, decimals = values * side, decimals * side
    return (
        np.add.reduceat(values, starts),
        np.maximum.reduceat(decimals, starts).clip(0),
        np.add.reduceat(side, starts, dtype=np.int64),
    )


# A sum in units of 10 ** -scale, with as many decimals as a sum of Decimals would have.
def _decimal(total: int, scale: int, decimals: int) -> Decimal:
    if not total:
        return ZERO
    whole = total if scale == decimals else total // 10 ** (scale - decimals)
    return Decimal(whole).scaleb(-decimals)
