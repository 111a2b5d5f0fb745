"""The ledger of an in-memory run: many fills of one bar are booked in columns.

The rule: the result equals that of the ledger that books one fill after the other.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from rbtlive.core.state.held import Held
from rbtlive.core.state.last_sales import LastSales
from rbtlive.core.state.order import split_amount
from rbtlive.core.state.portfolio import Portfolio, WholeFill
from rbtlive.core.state.position import Position, PositionColumns
from rbtlive.core.state.whole_fills import Charges, CostsAfter, SplitCost, WholeFills
from rbtlive.model.asset import Asset
from rbtlive.model.money_units import money_of_units, sum_of_units, units_of_money
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, to_money

_normalize = ENGINE_CONTEXT.normalize
FEW_HELD = 2
"""Columns are started if at most this many positions are held per fill of the bar."""


class ColumnPortfolio(Portfolio):
    """Cash and positions of one run, like `Portfolio`; from the first bar with many
    fills on, the positions' numbers are kept in columns.
    """

    def __init__(self, capital_base: Decimal, marks: LastSales | None = None) -> None:
        super().__init__(capital_base, marks)
        self._assets: list[Asset] | None = (
            None  # assets of the positions; None if a position came or went
        )

    def whole_shares(self) -> Mapping[int, int] | None:
        """Return the signed whole shares of each position by asset index, if they are
        kept in columns; read only.
        """
        return None if self._columns is None else self._columns.shares

    def held(self) -> Held:
        """Return the holdings; rebuilt only if a position has changed."""
        if self._held is not None:
            return self._held
        if self._columns is None:
            return super().held()
        if self._assets is None:
            self._assets = list(self.positions)
        costs = CostsAfter(self._columns.log, self._assets)
        self._held = Held(self._assets, array("q", self._columns.shares.values()), costs)
        self._held_before = None
        return self._held

    def _book(
        self, asset: Asset, amount: Decimal, *, price: Decimal, cash_flow: Decimal, dt: datetime
    ) -> None:
        if self._columns is not None:
            if self._columns.takes(amount):
                self._book_in_columns(asset, amount, price=price, cash_flow=cash_flow, dt=dt)
                return
            self._end_columns()
        super()._book(asset, amount, price=price, cash_flow=cash_flow, dt=dt)

    def book_whole_fills(self, fills: Sequence[WholeFill], dt: datetime) -> None:
        """Book executions of whole shares, as `Portfolio` does."""
        if self._columns is None:
            super().book_whole_fills(fills, dt)
            return
        for asset, amount, price, _ in fills:
            self.book_whole_fill(asset, amount, price=price, dt=dt)

    def book_only_fill(self, fill: WholeFill, dt: datetime) -> None:
        """Book the only execution of a step and its commission, like `book_whole_fills`
        followed by `book_commissions`.

        Args:
            fill: An execution of less than 1E9 whole shares, at a price in money.
            dt: Time of the execution, UTC.
        """
        asset, amount, price, cost = fill
        if self._columns is not None:
            self.book_whole_fill(asset, amount, price=price, dt=dt)
            if cost > ZERO:
                self.book_commissions(((asset, cost),))
            return
        worth = price * amount
        paid = _normalize(worth) + ZERO
        position = self.positions.get(asset)
        if position is None:
            position = self.positions[asset] = Position(asset)
        before = position.amount
        if not before or before.is_signed() == amount.is_signed():
            position.fill_cost += paid
            position.basis_cost += worth
        else:
            self._reduce(position, amount, price=price, cash_flow=-paid)
        position.amount = after = before + amount
        self.cash -= paid
        self.cash_flow -= paid
        self._totals = self._held = None
        self.version += 1
        if after:
            self.marks.note_fill(asset, price, dt)
        else:
            del self.positions[asset]
            self.marks.drop(asset)
        if cost > ZERO:
            if after:
                position.basis_cost += cost
            self.commissions_paid += cost
            self.cash -= cost
            self.cash_flow -= cost
            self.version += 1

    def book_commissions(self, costs: Iterable[tuple[Asset, Decimal]]) -> None:
        """Charge several commissions in turn."""
        if self._columns is not None:
            known = [(asset, cost) for asset, cost in costs if cost]
            self._columns.charge(known)
            for _, cost in known:
                self.commissions_paid += cost
                self._move_cash(-cost)
        else:
            super().book_commissions(costs)

    def apply_split(self, asset: Asset, ratio: Decimal) -> None:
        """Adjust a position for a split, as `Portfolio` does."""
        if asset in self.positions and not self._split_in_columns(asset, ratio):
            self._end_columns()
            super().apply_split(asset, ratio)

    # False if it is not to be done, or cannot be done, in columns.
    def _split_in_columns(self, asset: Asset, ratio: Decimal) -> bool:
        columns = self._columns
        if columns is None:
            return False
        place, log = asset.index, columns.log
        before, paid = columns.shares[place], columns.costs[place]
        whole, fraction = split_amount(Decimal(before), ratio, asset.lot_size)
        if not (whole and columns.takes(whole)):
            return False
        split = SplitCost(place, int(whole), ratio)
        cash = removed = ZERO
        if fraction:  # it is paid at the cost basis
            basis = split.basis(log.costs_after(len(log))[place], before)
            cash = to_money(round(float(fraction) * float(basis), 2))
            removed = to_money(money_of_units(paid) * fraction / (whole + fraction))
        units = units_of_money(removed)
        if units is None:
            return False
        columns.split(split, units)
        self.realized += cash - removed
        self._move_cash(cash)
        return True

    def _book_in_columns(
        self, asset: Asset, amount: Decimal, *, price: Decimal, cash_flow: Decimal, dt: datetime
    ) -> None:
        columns, paid = self._columns, units_of_money(-cash_flow)
        assert columns is not None
        assert paid is not None
        realized = columns.book_one((asset.index, int(amount), price), paid)
        self.realized += money_of_units(realized)
        self._note_traded((asset,))
        self.cash += cash_flow
        self.cash_flow += cash_flow
        self._totals = self._held = None
        self.version += 1
        if asset in self.positions:
            self.marks.note_fill(asset, price, dt)
        else:
            self.marks.drop(asset)

    # Adds and removes positions according to their shares in the columns; returns the
    # assets removed.
    def _note_traded(self, assets: Iterable[Asset]) -> list[Asset]:
        positions, columns, gone = self.positions, self._columns, []
        assert columns is not None
        shares = columns.shares
        for asset in assets:
            if not shares[asset.index]:
                gone.append(asset)
            elif asset not in positions:
                positions[asset] = position = Position(asset)
                position.keep_in(columns)
                self._assets = None
        for asset in gone:
            columns.drop(asset.index)
            positions.pop(asset, Position(asset)).keep_in(None)
            self._assets = None
        return gone

    def takes_columns(self, count: int) -> bool:
        """Say whether this many fills should be booked in columns."""
        if self._columns is None and count * FEW_HELD >= len(self.positions):
            self._columns, self._assets = PositionColumns.of(self.positions), None
        return self._columns is not None

    def book_columns(self, fills: WholeFills, dt: datetime) -> None:
        """Book executions in columns. Their commissions are booked separately.

        Args:
            fills: Executions of less than 1E9 shares each.
            dt: Time of the executions, UTC.
        """
        assert self._columns is not None
        paid, realized = self._columns.book(fills)
        self.realized += money_of_units(realized)
        gone = self._note_traded(fills.assets)
        self.marks.note_columns(fills, gone, dt)
        total = sum_of_units(paid)
        self.cash -= total
        self.cash_flow -= total
        self._totals = self._held = None
        self.version += len(paid)

    def _end_columns(self) -> None:
        columns, self._columns = self._columns, None
        if columns is not None:
            columns.give_back(self.positions)

    def release(self) -> None:
        """Break reference cycles: the portfolio does not change any more."""
        if self._columns is not None:
            self._columns.close()

    def book_charges(self, fills: WholeFills) -> None:
        """Charge the commissions of fills that were booked in columns."""
        charged = [cost for cost in fills.costs.tolist() if cost > 0]
        if not charged:
            return
        assert self._columns is not None
        self._columns.log.note(Charges(fills))
        self._columns.forget_read()
        total = sum_of_units(charged)
        self.commissions_paid += total
        self.cash -= total
        self.cash_flow -= total
        self._totals = self._held = None
        self.version += len(charged)
