"""Complete fills of one bar's orders, in columns, and the money behind positions, which
is computed from them when it is read.

The rule: a value that is read equals, also in its written form, the result of booking
each fill at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias

from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset
from rbtlive.model.money_units import money_of_units
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, to_money

_add, _multiply, _divide = ENGINE_CONTEXT.add, ENGINE_CONTEXT.multiply, ENGINE_CONTEXT.divide
COLUMNS_FROM = 16
"""From this many orders on, a bar's orders are filled in columns."""
_KEPT_EACH: Final = 64
"""One read result in this many moments is cached; reading back starts from a cached
one.
"""
_MOST_KEPT: Final = 64
"""Maximum number of cached results; beyond it, every second is dropped."""


class WholeFills(NamedTuple):
    """Executions in turn, one per asset.

    Attributes:
        assets: The traded assets.
        sizes: Signed whole shares.
        prices: Price per share, in units of money.
        costs: Commission, in units of money.
    """

    assets: list[Asset]
    sizes: NDArray[np.int64]
    prices: NDArray[np.int64]
    costs: NDArray[np.int64]

    def cut(self, first: int, past: int) -> WholeFills:
        """Return some of them."""
        part = slice(first, past)
        return WholeFills(self.assets[part], self.sizes[part], self.prices[part], self.costs[part])

    def rows(self) -> Iterator[tuple[Asset, Decimal, Decimal, Decimal]]:
        """Return asset, signed shares, price per share and commission of each."""
        prices, costs = Money(self.prices).values(), Money(self.costs).values()
        return zip(self.assets, Shares(self.sizes).values(), prices, costs, strict=True)

    def columns(self, dt: datetime, numbers: range) -> tuple[Any, ...]:
        """Return the fields of their transactions.

        Args:
            dt: Time of the executions, UTC.
            numbers: Numbers of their orders.
        """
        return (
            Same(dt, len(numbers)),
            Listed(self.assets),
            Shares(self.sizes),
            Money(self.prices),
            Money(self.costs),
            Numbered(numbers),
            Numbered(numbers, "-1"),
        )


class Charges(NamedTuple):
    """The commissions of fills, which are booked after all fills of a step."""

    fills: WholeFills


class SplitCost(NamedTuple):
    """A position restated for a split.

    Attributes:
        place: Index of the asset.
        shares: Signed whole shares after it.
        ratio: Of the split; 0.5 is two for one.
    """

    place: int
    shares: int
    ratio: Decimal

    def basis(self, cost: Decimal, shares: int) -> Decimal:
        """Return the cost basis after it, to the cent.

        Args:
            cost: Signed money behind the basis before.
            shares: Signed whole shares before.
        """
        before = float(_divide(cost, Decimal(shares)))
        return to_money(round(before * float(self.ratio), 2))


OneFill: TypeAlias = tuple[int, int, Decimal]
"""Index of the asset, signed whole shares, price per share."""
OneCharge: TypeAlias = tuple[int, Decimal]
"""Index of the asset, commission."""
Booked: TypeAlias = WholeFills | Charges | SplitCost | OneFill | OneCharge


class CostLog:
    """The money behind cost bases, by asset index, after any number of bookings.

    Args:
        shares: Signed whole shares of each position at the start.
        costs: Signed money behind its cost basis at the start.
    """

    __slots__ = ("_booked", "_costs", "_kept", "_place", "_shares")

    def __init__(self, shares: Mapping[int, int], costs: Mapping[int, Decimal]) -> None:
        self._booked: list[Booked] = []
        self._place = 0
        self._shares, self._costs = dict(shares), dict(costs)
        self._kept = {0: (dict(shares), dict(costs))}

    def __len__(self) -> int:
        return len(self._booked)

    def note(self, booked: Booked) -> None:
        """Add the latest booking."""
        self._booked.append(booked)

    def costs_after(self, count: int) -> Mapping[int, Decimal]:
        """Return the money behind each position after `count` bookings; the next call
        changes it.
        """
        if count < self._place:
            self._place = max(place for place in self._kept if place <= count)
            shares, costs = self._kept[self._place]
            self._shares, self._costs = dict(shares), dict(costs)
        while self._place < count:
            self._take(self._booked[self._place])
            self._place += 1
            if not self._place % _KEPT_EACH and self._place not in self._kept:
                self._kept[self._place] = dict(self._shares), dict(self._costs)
                if len(self._kept) > _MOST_KEPT:  # the older, the fewer
                    self._kept = dict(list(self._kept.items())[::2])
        return self._costs

    def _take(self, booked: Booked) -> None:
        costs = self._costs
        if isinstance(booked, WholeFills):
            prices = map(money_of_units, booked.prices.tolist())
            for asset, size, price in zip(
                booked.assets, booked.sizes.tolist(), prices, strict=True
            ):
                self._fill(asset.index, size, price)
        elif isinstance(booked, Charges):
            fills = booked.fills
            for asset, cost in zip(fills.assets, fills.costs.tolist(), strict=True):
                if cost > 0 and asset.index in costs:
                    costs[asset.index] = _add(costs[asset.index], money_of_units(cost))
        elif isinstance(booked, SplitCost):
            place, shares, _ = booked
            basis = booked.basis(costs[place], self._shares[place])
            self._shares[place], costs[place] = shares, _multiply(Decimal(shares), basis)
        elif len(booked) == 3:
            self._fill(*booked)
        elif booked[0] in costs:
            costs[booked[0]] = _add(costs[booked[0]], booked[1])

    def _fill(self, place: int, size: int, price: Decimal) -> None:
        shares, costs = self._shares, self._costs
        before = shares.get(place, 0)
        after = before + size
        if not after:
            del shares[place], costs[place]
            return
        shares[place] = after
        if not before or (before > 0) is (size > 0):
            costs[place] = _add(costs.get(place, ZERO), _multiply(Decimal(size), price))
        elif (before > 0) is (after > 0):
            grown = _multiply(costs[place], Decimal(after))
            costs[place] = _divide(grown, Decimal(before))
        else:
            costs[place] = _multiply(Decimal(after), price)


class CostsAfter:
    """The current money behind positions.

    Args:
        log: The log that provides it, now and later.
        assets: Of each position.
    """

    __slots__ = ("_assets", "_count", "_log")

    def __init__(self, log: CostLog, assets: Sequence[Asset]) -> None:
        self._log, self._count, self._assets = log, len(log), assets

    def values(self) -> list[Decimal]:
        """Return the money behind each position."""
        costs = self._log.costs_after(self._count)
        return [costs[asset.index] for asset in self._assets]


class Same:
    """A column of one value.

    Args:
        value: The value.
        count: How often it is repeated.
    """

    __slots__ = ("_count", "_value")

    def __init__(self, value: object, count: int) -> None:
        self._value, self._count = value, count

    def values(self) -> list[Any]:
        """Return the values."""
        return [self._value] * self._count


class Listed:
    """A column of objects, stored unchanged."""

    __slots__ = ("_values",)

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values

    def values(self) -> Sequence[Any]:
        """Return the values."""
        return self._values


class Shares:
    """A column of whole shares."""

    __slots__ = ("_sizes",)

    def __init__(self, sizes: NDArray[np.int64]) -> None:
        self._sizes = sizes

    def values(self) -> list[Decimal]:
        """Return the shares as decimals."""
        return list(map(Decimal, self._sizes.tolist()))


class Money:
    """A column of money, kept in units."""

    __slots__ = ("_units",)

    def __init__(self, units: NDArray[np.int64]) -> None:
        self._units = units

    def values(self) -> list[Decimal]:
        """Return the money as decimals."""
        return list(map(money_of_units, self._units.tolist()))


class Numbered:
    """A column of consecutive numbers as texts, with the same suffix after each.

    Args:
        numbers: The numbers.
        end: The suffix.
    """

    __slots__ = ("_end", "_numbers")

    def __init__(self, numbers: range, end: str = "") -> None:
        self._numbers, self._end = numbers, end

    def values(self) -> list[str]:
        """Return the texts."""
        return [f"{number}{self._end}" for number in self._numbers]
