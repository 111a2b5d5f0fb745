"""A position in one asset.

The rule: a position either has its numbers or knows the columns that keep them; readers
see no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from rbtlive.core.state.whole_fills import CostLog, OneFill, SplitCost, WholeFills
from rbtlive.model.asset import Asset
from rbtlive.model.money_units import money_of_units, rounded_part, units_of_money
from rbtlive.model.number import ZERO, to_money

_ONE: Final = Decimal(1)
MOST_SHARES: Final = 10**15
"""Limit of a position and of an order in columns: far below the range of 63 bits."""


class Position:
    """A position in one asset.

    Attributes:
        asset: The asset.
        amount: Signed shares.
        fill_cost: Signed money paid for the shares still held, without commission.
        basis_cost: Signed money behind `cost_basis`, commissions included.
    """

    __slots__ = ("_columns", "amount", "asset", "basis_cost", "fill_cost")

    amount: Decimal
    fill_cost: Decimal
    basis_cost: Decimal

    def __init__(
        self,
        asset: Asset,
        amount: Decimal = ZERO,
        fill_cost: Decimal = ZERO,
        basis_cost: Decimal = ZERO,
    ) -> None:
        self._columns: PositionColumns | None = None
        self.asset = asset
        self.amount, self.fill_cost, self.basis_cost = amount, fill_cost, basis_cost

    # Called only while the numbers are in columns; other positions pay nothing for it.
    def __getattr__(self, name: str) -> Decimal:
        if name not in _NUMBERS or self._columns is None:
            raise AttributeError(f"'Position' object has no attribute {name!r}")
        number = self._columns.number(self, name)
        setattr(self, name, number)
        return number

    def __reduce__(self) -> tuple[Any, ...]:
        return Position, (self.asset, self.amount, self.fill_cost, self.basis_cost)

    @property
    def cost_basis(self) -> Decimal:
        """Average price paid per share, commissions included; 0 when flat."""
        return self.basis_cost / self.amount if self.amount else ZERO

    def keep_in(self, columns: PositionColumns | None) -> None:
        """Drop the numbers, which are now in `columns`; None means that the position
        has ended.
        """
        self._columns = columns
        if columns is None:
            self.amount = self.fill_cost = self.basis_cost = ZERO
        else:
            for name in _NUMBERS:
                delattr(self, name)


_NUMBERS: Final = ("amount", "fill_cost", "basis_cost")


class PositionColumns:
    """The numbers of all positions, as integers by asset index.

    Args:
        positions: The positions, each in whole shares; their numbers are kept here from
            now on.

    Attributes:
        shares: Signed whole shares, in the order of the positions.
        costs: Signed money paid for them, in units of money.
        log: The money behind cost bases.
    """

    __slots__ = ("_read", "costs", "log", "shares")

    def __init__(self, positions: Mapping[Asset, Position], costs: dict[int, int]) -> None:
        held = positions.values()
        self.shares = {one.asset.index: int(one.amount) for one in held}
        self.costs = costs
        self.log = CostLog(self.shares, {one.asset.index: one.basis_cost for one in held})
        self._read: list[tuple[Position, str]] | None = []
        for position in held:
            position.keep_in(self)

    @classmethod
    def of(cls, positions: Mapping[Asset, Position]) -> PositionColumns | None:
        """Return the columns of `positions`; None if one is not in whole shares."""
        costs: dict[int, int] = {}
        for asset, position in positions.items():
            units, amount = units_of_money(position.fill_cost), position.amount
            if units is None or not _is_whole(amount):
                return None
            costs[asset.index] = units
        return cls(positions, costs)

    def number(self, position: Position, name: str) -> Decimal:
        """Return a number of a position, which caches it until the next change."""
        if self._read is not None:
            self._read.append((position, name))
        place = position.asset.index
        if name == "amount":
            return Decimal(self.shares[place])
        if name == "fill_cost":
            return money_of_units(self.costs[place])
        return self.log.costs_after(len(self.log))[place]

    def forget_read(self) -> None:
        """Clear the numbers that positions have cached, because they change."""
        if self._read:
            for position, name in self._read:
                delattr(position, name)
            self._read.clear()

    def close(self) -> None:
        """Drop the positions: nothing changes from now on."""
        self._read = None

    def give_back(self, positions: Mapping[Asset, Position]) -> None:
        """Give each position its numbers back."""
        self.forget_read()
        bases = self.log.costs_after(len(self.log))
        for asset, position in positions.items():
            place = asset.index
            position.keep_in(None)
            position.amount = Decimal(self.shares[place])
            position.fill_cost = money_of_units(self.costs[place])
            position.basis_cost = bases[place]

    def takes(self, amount: Decimal) -> bool:
        """Say whether a fill of this size can be booked here."""
        return _is_whole(amount)

    def book_one(self, fill: OneFill, paid: int) -> int:
        """Book an execution for `paid`; return the profit realised in money units."""
        self.forget_read()
        self.log.note(fill)
        place, size, _ = fill
        return self._book((place,), (size,), (paid,))

    def book(self, fills: WholeFills) -> tuple[list[int], int]:
        """Book executions, one per asset; return the price paid for each and the profit
        realised by all, in units of money.
        """
        self.forget_read()
        self.log.note(fills)
        sizes = fills.sizes.tolist()
        paid = [size * price for size, price in zip(sizes, fills.prices.tolist(), strict=True)]
        return paid, self._book([asset.index for asset in fills.assets], sizes, paid)

    # A closed position has zero shares and stays until it is dropped.
    def _book(self, places: Sequence[int], sizes: Sequence[int], paid: Sequence[int]) -> int:
        shares, costs, realized = self.shares, self.costs, 0
        for place, size, money in zip(places, sizes, paid, strict=True):
            before = shares.get(place)
            if not before:
                shares[place], costs[place] = size, money
                continue
            shares[place] = after = before + size
            if (before > 0) is (size > 0):
                costs[place] += money
            elif not after:
                realized -= money + costs[place]
                costs[place] = 0
            elif (before > 0) is (after > 0):
                removed = rounded_part(costs[place], -size, before)
                if removed is None:
                    removed = _removed(costs[place], -size, before)
                costs[place] -= removed
                realized -= money + removed
            else:
                opened = money // size * after
                realized += opened - money - costs[place]
                costs[place] = opened
        return realized

    def charge(self, costs: Iterable[tuple[Asset, Decimal]]) -> None:
        """Record commissions in turn."""
        self.forget_read()
        for asset, cost in costs:
            self.log.note((asset.index, cost))

    def split(self, split: SplitCost, removed: int) -> None:
        """Restate a position for a split, which leaves some of it.

        Args:
            split: The split.
            removed: What leaves with a part of a share, in units of money.
        """
        self.forget_read()
        self.log.note(split)
        self.shares[split.place] = split.shares
        self.costs[split.place] -= removed

    def drop(self, place: int) -> None:
        """Remove a closed position."""
        del self.shares[place], self.costs[place]


# At a tie, the part removed from a cost depends on how the quotient was rounded.
def _removed(cost: int, part: int, whole: int) -> int:
    exact = to_money(money_of_units(cost) * (Decimal(part) / Decimal(whole)))
    units = units_of_money(exact)
    assert units is not None
    return units


def _is_whole(amount: Decimal) -> bool:
    return _ONE.same_quantum(amount) and -MOST_SHARES < amount < MOST_SHARES
