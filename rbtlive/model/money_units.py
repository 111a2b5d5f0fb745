"""Money as integers in units of its last decimal: for many amounts at once.

The rule: converting back gives the same `Decimal` as `to_money`, in value and in its
written form.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from math import gcd
from typing import TYPE_CHECKING, Final

from rbtlive.model.arrays import NDArray, np
from rbtlive.model.number import ENGINE_CONTEXT, money_of_float

if TYPE_CHECKING:
    Floats = NDArray[np.float64]
    Units = NDArray[np.int64]

DECIMALS: Final = 12
UNIT: Final[int] = 10**DECIMALS
"""Units of 1: money has twelve decimals."""
_MOST: Final = 9e6  # largest amount whose units fit in 63 bits
_LIKELY: Final = (2, 4)
"""Likely numbers of decimals of prices."""
_MOST_DIGITS: Final = 1e15
_RESOLVED: Final = 2.0**49  # beyond this a float has too few bits left for a fraction
_DOUBT: Final = 2.0**-51

_scaleb, _normalize = ENGINE_CONTEXT.scaleb, ENGINE_CONTEXT.normalize


def units_of(values: Floats) -> Units | None:
    """Return floats converted like `to_money`, in units; None if one is not finite or
    too large.
    """
    sizes = np.abs(values)
    if not (sizes < _MOST).all():
        return None
    units = np.zeros(len(values), dtype=np.int64)
    open_ = np.ones(len(values), dtype=np.bool_)
    for decimals in _LIKELY:
        # Fifteen digits survive the round trip through a float, so it is written with
        # that many.
        tens = 10.0**decimals
        whole = np.rint(values * tens)
        written = open_ & (whole / tens == values) & (np.abs(whole) < _MOST_DIGITS)
        units[written] = whole[written].astype(np.int64) * 10 ** (DECIMALS - decimals)
        open_ &= ~written
        if not open_.any():
            return units
    scaled = values * float(UNIT)
    nearest = np.rint(scaled)
    bits = sizes * float(UNIT)
    # The product and the shortest text each have an error of at most half a bit.
    certain = open_ & (bits < _RESOLVED)
    certain &= np.abs(scaled - nearest) < 0.5 - bits * _DOUBT
    units[certain] = nearest[certain].astype(np.int64)
    for place in np.flatnonzero(open_ & ~certain).tolist():
        units[place] = int(_scaleb(money_of_float(float(values[place])), DECIMALS))
    return units


def floats_of(units: Units) -> Floats | None:
    """Return the nearest float to each amount of money; None if one has more bits than
    a float.
    """
    if len(units) and np.abs(units).max() >= 1 << 53:
        return None
    return units.astype(np.float64) / float(UNIT)


def money_of_units(units: int) -> Decimal:
    """Return an amount of money from units."""
    whole, rest = divmod(units, UNIT)
    return _normalize(_scaleb(Decimal(units), -DECIMALS)) if rest else Decimal(whole)


def units_of_money(money: Decimal) -> int | None:
    """Return an amount of money in units; None if it has more decimals."""
    scaled = _scaleb(money, DECIMALS)
    units = int(scaled)
    return units if units == scaled else None


def sum_of_units(amounts: Iterable[int]) -> Decimal:
    """Return the sum of amounts of money, with as many decimals as a sum of Decimals
    would have.
    """
    known = list(amounts)
    common, decimals = gcd(*known), DECIMALS
    while decimals and not common % 10:
        common //= 10
        decimals -= 1
        if not common:
            return Decimal(0)
    return _scaleb(Decimal(sum(known) // 10 ** (DECIMALS - decimals)), -decimals)


def rounded_part(total: int, part: int, whole: int) -> int | None:
    """Return `total * part / whole`, rounded half to even; None for a tie, whose result
    depends on how the quotient was rounded.
    """
    if whole < 0:
        part, whole = -part, -whole
    quotient, rest = divmod(total * part, whole)
    if 2 * rest == whole:
        return None
    return quotient + (2 * rest > whole)
