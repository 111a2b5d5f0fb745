"""The ledger: cash and positions in Decimal, exact to the last digit; the marks keep
the prices.

The rule: money moves only in the `book_*` methods and `apply_split`, and after each of
them `conservation_error()` is zero. zipline's cost basis (commissions included, rounded
to the cent by splits) is kept beside the fill cost that balances the books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from rbtlive.core.state.held import NOTHING_HELD, Held
from rbtlive.core.state.last_sales import LastSales
from rbtlive.core.state.order import split_amount
from rbtlive.core.state.position import Position, PositionColumns
from rbtlive.model.arrays import np
from rbtlive.model.asset import Asset
from rbtlive.model.money_units import money_of_units
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, to_money

WholeFill: TypeAlias = tuple[Asset, Decimal, Decimal, Decimal]
"""A complete fill: asset, signed whole shares, price per share, commission."""

_normalize = ENGINE_CONTEXT.normalize
_MANY = 16


class PositionTotals(NamedTuple):
    """Sums over positions as zipline's statistics define them: money, then counts."""

    long_value: Decimal
    short_value: Decimal
    longs_count: int
    shorts_count: int

    @property
    def net(self) -> Decimal:
        """Value of all positions, shorts negative."""
        return self.long_value + self.short_value

    @property
    def gross(self) -> Decimal:
        """Value of all positions, shorts positive."""
        return self.long_value - self.short_value


def sum_of(values: Iterable[Decimal]) -> PositionTotals:
    """Return the sums over the values of positions."""
    return PositionTotals(*_sums(values))


def _sums(values: Iterable[Decimal]) -> tuple[Decimal, Decimal, int, int]:
    long_value = short_value = ZERO
    longs = shorts = 0
    for value in values:
        if value > ZERO:
            long_value += value
            longs += 1
        elif value < ZERO:
            short_value += value
            shorts += 1
    return long_value, short_value, longs, shorts


# Cash plus positions at closes that were not read yet, as a float accurate to a part in
# 1E12; None if a close was read.
def _estimate_of_few(
    positions: Mapping[Asset, Position], cash: float, close_of: Callable[[int], float | None]
) -> float | None:
    value, size = cash, abs(cash)
    for asset, position in positions.items():
        close = close_of(asset.index)
        if close is None:
            return None
        worth = float(position.amount) * close
        value += worth
        size += abs(worth)
    # If longs and shorts nearly cancel out, digits are lost.
    return value if size < 100.0 * abs(value) else None


class Portfolio:
    """Cash and positions of one run.

    Args:
        capital_base: Cash at the start.
        marks: Receives fills and values positions; by default it knows only the prices
            of fills.

    Attributes:
        positions: Positions by asset.
        version: Grows with every change of cash or positions.
    """

    def __init__(self, capital_base: Decimal, marks: LastSales | None = None) -> None:
        self.marks = LastSales() if marks is None else marks
        self.capital_base = capital_base
        self.cash = capital_base
        self.cash_flow = ZERO
        self.realized = ZERO
        self.commissions_paid = ZERO
        self.positions: dict[Asset, Position] = {}
        self.version = 0
        self._totals: PositionTotals | None = None
        self._totals_version = -1  # the marks' version of these sums
        self._net = ZERO  # value of all positions
        self._net_books = self._net_marks = -1  # the versions of this value
        self._float_value = (-1, -1, 0.0)  # versions of books and marks, and the value
        self._held: Held | None = None
        self._held_before: tuple[Held, list[Decimal]] | None = None
        # The columns that keep the positions' numbers, if any.
        self._columns: PositionColumns | None = None

    # -- reading ----------------------------------------------------------------------

    def __iter__(self) -> Iterator[Position]:
        return iter(self.positions.values())

    def priced(self) -> Iterator[tuple[Position, Decimal]]:
        """Return each position and its last sale price, NaN before the first."""
        return zip(self.positions.values(), self.marks.prices(), strict=True)

    def amount_of(self, asset: Asset) -> Decimal:
        """Return the signed shares held of `asset`."""
        if self._columns is not None:
            return Decimal(self._columns.shares.get(asset.index, 0))
        position = self.positions.get(asset)
        return ZERO if position is None else position.amount

    # Amounts in the order of the positions.
    def _amounts(self) -> Iterable[Decimal]:
        if self._columns is not None:
            return map(Decimal, self._columns.shares.values())
        return (position.amount for position in self.positions.values())

    def held(self) -> Held:
        """Return the holdings; rebuilt only if a position has changed."""
        if self._held is not None:
            return self._held
        positions = self.positions.values()
        if len(positions) == 1:  # as in most runs: two lists less
            (position,) = positions
            self._held = Held([position.asset], [position.amount], [position.basis_cost])
        elif not positions:
            self._held, self._held_before = NOTHING_HELD, None
        else:
            bases = [position.basis_cost for position in positions]
            amounts = [position.amount for position in positions]
            self._held = Held(list(self.positions), amounts, bases, self._held_before)
            self._held_before = self._held, bases
        return self._held

    def totals(self) -> PositionTotals:
        """Return the sums over the positions at their last sale prices."""
        if self._totals is None or self._totals_version != self.marks.version:
            self._totals = sum_of(self._values())
            self._totals_version = self.marks.version
        return self._totals

    # The value of each position.
    def _values(self) -> list[Decimal]:
        prices = self.marks.prices()
        if self._columns is not None:
            return [amount * price for amount, price in zip(self._amounts(), prices, strict=True)]
        return [
            position.amount * price
            for position, price in zip(self.positions.values(), prices, strict=True)
        ]

    @property
    def positions_value(self) -> Decimal:
        """Value of all positions, shorts negative."""
        return self.totals().net

    @property
    def portfolio_value(self) -> Decimal:
        """Cash plus positions."""
        return self.value()

    def value(self) -> Decimal:
        """Return cash plus positions."""
        marks = self.marks
        if self._net_marks != marks.version or self._net_books != self.version:
            net, place = ZERO, 0
            if self._columns is not None:
                net = sum(self._values(), ZERO)
            else:
                prices = marks.prices()
                for position in self.positions.values():
                    net += position.amount * prices[place]
                    place += 1  # `enumerate` and `zip` take longer than a position
            self._net, self._net_books, self._net_marks = net, self.version, marks.version
        return self.cash + self._net

    def float_value(self) -> float:
        """Return the value as a float, accurate to a part in 1E12."""
        marks = self.marks
        books_of, marks_of, known = self._float_value
        if books_of == self.version and marks_of == marks.version:
            return known
        value = None
        if self._columns is None and len(self.positions) <= _MANY:
            value = _estimate_of_few(self.positions, float(self.cash), marks.unread_close)
        if value is None:
            value = self._estimate()
        self._float_value = (self.version, marks.version, value)
        return value

    # Estimates many positions at pending prices without making these exact.
    def _estimate(self) -> float:
        prices = self.marks.unread_prices() if len(self.positions) > _MANY else None
        if prices is None:
            return float(self.portfolio_value)
        amounts = np.fromiter(map(float, self._amounts()), np.float64, len(self.positions))
        values = amounts * prices
        total = float(values.sum())
        # If longs and shorts nearly cancel out, digits are lost.
        value = float(self.cash) + total
        if not float(np.abs(values).sum()) + abs(float(self.cash)) < 100.0 * abs(value):
            return float(self.portfolio_value)
        return value

    @property
    def pnl(self) -> Decimal:
        """Profit since the start."""
        return self.portfolio_value - self.capital_base

    @property
    def returns(self) -> Decimal:
        """Profit since the start, as a fraction of the capital base."""
        return self.pnl / self.capital_base

    def leverage(self) -> tuple[float, float]:
        """Return gross and net leverage; infinite at a portfolio value of zero."""
        if self._totals is not None and self._totals_version == self.marks.version:
            long_value, short_value = self._totals[:2]
        elif len(self.positions) == 1 and self._columns is None:
            # Most runs hold one position; two sums over it would double the time.
            (price,) = self.marks.prices()
            (position,) = self.positions.values()
            net = position.amount * price
            value = self.cash + net
            if value and net > ZERO:
                gross = float(net / value)
                return gross, gross
            long_value, short_value = max(ZERO, net), min(ZERO, net)  # NaN is neither
        else:
            long_value, short_value, _, _ = _sums(self._values())
        net = long_value + short_value
        value = self.cash + net
        if value == 0:
            return float("inf"), float("inf")
        if not short_value:
            gross = float(long_value / value)
            return gross, gross
        return float((long_value - short_value) / value), float(net / value)

    def conservation_error(self) -> Decimal:
        """Return the imbalance of the books, which is always zero.

        cash + positions at fill cost + commissions paid - realised - deposits.
        """
        at_cost = ZERO
        if self._columns is not None:
            at_cost = money_of_units(sum(self._columns.costs.values()))
        else:
            for position in self.positions.values():
                at_cost += position.fill_cost
        return self.cash + at_cost + self.commissions_paid - self.realized - self.capital_base

    # -- what happened ----------------------------------------------------------------

    def book_transaction(
        self, asset: Asset, amount: Decimal, *, price: Decimal, dt: datetime
    ) -> None:
        """Book `amount` signed shares of `asset` at `price`; commissions are booked
        separately.
        """
        self._book(asset, amount, price=price, cash_flow=to_money(-price * amount), dt=dt)

    def _book(
        self, asset: Asset, amount: Decimal, *, price: Decimal, cash_flow: Decimal, dt: datetime
    ) -> None:
        positions = self.positions
        position = positions.get(asset)
        if position is None:
            position = positions[asset] = Position(asset)
        before = position.amount
        after = before + amount
        if not before or before.is_signed() == amount.is_signed():
            position.fill_cost -= cash_flow
            position.basis_cost += amount * price
        else:
            self._reduce(position, amount, price=price, cash_flow=cash_flow)
        position.amount = after
        self.cash += cash_flow
        self.cash_flow += cash_flow
        self._totals = self._held = None
        self.version += 1
        if after:
            self.marks.note_fill(asset, price, dt)
        else:
            del positions[asset]
            self.marks.drop(asset)

    def book_whole_fill(
        self, asset: Asset, amount: Decimal, *, price: Decimal, dt: datetime
    ) -> None:
        """Do the same as `book_transaction` for less than 1E9 whole shares at a price
        in money.
        """
        worth = price * amount
        self._book(asset, amount, price=price, cash_flow=-(_normalize(worth) + ZERO), dt=dt)

    def book_whole_fills(self, fills: Sequence[WholeFill], dt: datetime) -> None:
        """Book executions of whole shares at prices in money in turn, with the same
        result as `book_transaction` for each. Their commissions are booked separately.

        Args:
            fills: Executions of less than 1E9 shares each, one per asset.
            dt: Time of the executions, UTC.
        """
        positions, gone = self.positions, []
        cash, flow = self.cash, self.cash_flow
        for asset, amount, price, _ in fills:
            worth = price * amount
            # No digit is beyond the twelfth decimal, so nothing needs rounding.
            paid = _normalize(worth) + ZERO
            position = positions.get(asset)
            if position is None:
                position = positions[asset] = Position(asset)
            before = position.amount
            if not before or before.is_signed() == amount.is_signed():
                position.fill_cost += paid
                position.basis_cost += worth
            else:
                self._reduce(position, amount, price=price, cash_flow=-paid)
            position.amount = after = before + amount
            cash -= paid
            flow -= paid
            if not after:
                gone.append(asset)
        prices = {fill[0]: fill[2] for fill in fills}
        for asset in gone:
            del positions[asset], prices[asset]
        self.marks.note_fills(prices, dt)
        for asset in gone:
            self.marks.drop(asset)
        self.cash, self.cash_flow = cash, flow
        self._totals = self._held = None
        self.version += len(fills)

    def _reduce(
        self, position: Position, amount: Decimal, *, price: Decimal, cash_flow: Decimal
    ) -> None:
        before = position.amount
        after = before + amount
        if not after:  # closing
            self.realized += cash_flow - position.fill_cost
            position.fill_cost = position.basis_cost = ZERO
            return
        if after.is_signed() == before.is_signed():  # reducing
            removed = to_money(position.fill_cost * (-amount / before))
            position.basis_cost = position.basis_cost * after / before
            position.fill_cost -= removed
            self.realized += cash_flow - removed
            return
        # Crossing zero: the whole position is closed and the rest opened at this price.
        opened_cost = to_money(after * price)
        self.realized += cash_flow + opened_cost - position.fill_cost
        position.fill_cost = opened_cost
        position.basis_cost = after * price

    def book_commission(self, asset: Asset, cost: Decimal) -> None:
        """Charge `cost`, and spread it over the position's cost basis if the position
        still exists.
        """
        self.book_commissions(((asset, cost),))

    def book_commissions(self, costs: Iterable[tuple[Asset, Decimal]]) -> None:
        """Charge several commissions in turn."""
        for asset, cost in costs:
            if cost:
                self._charge(self.positions.get(asset), cost)

    def _charge(self, position: Position | None, cost: Decimal) -> None:
        if position is not None:
            position.basis_cost += cost
        self.commissions_paid += cost
        self.cash -= cost
        self.cash_flow -= cost
        self._totals = self._held = None
        self.version += 1

    def book_dividend(self, cash: Decimal) -> None:
        """Receive a dividend, or pay one on a short (negative)."""
        self.realized += cash
        self._move_cash(cash)

    def book_cash(self, amount: Decimal, *, deposit: bool) -> None:
        """Book money received or paid: as profit or loss, or as a deposit (negative:
        withdrawal) that changes the capital base.
        """
        if deposit:
            self.capital_base += amount
        else:
            self.realized += amount
        self._move_cash(amount)

    def apply_split(self, asset: Asset, ratio: Decimal) -> None:
        """Adjust a position for a split of `ratio` (0.5 is two for one); a remaining
        fraction is paid in cash.

        The cost basis is rounded to the cent, and the fraction is paid at that basis.
        Source: zipline-reloaded 3.2.1, finance/position.py, handle_split.
        """
        position = self.positions.get(asset)
        if position is None:
            return
        whole, fraction = split_amount(position.amount, ratio, asset.lot_size)
        basis = round(float(position.cost_basis) * float(ratio), 2)
        cash = to_money(round(float(fraction) * basis, 2))
        removed = (
            position.fill_cost
            if not whole
            else to_money(position.fill_cost * fraction / (whole + fraction))
        )
        position.fill_cost -= removed
        position.amount = whole
        position.basis_cost = whole * to_money(basis)
        self.realized += cash - removed
        self._move_cash(cash)
        if not whole:
            del self.positions[asset]
            self.marks.drop(asset)

    def _move_cash(self, amount: Decimal) -> None:
        self.cash += amount
        self.cash_flow += amount
        self.note_change()

    def note_change(self) -> None:
        """Invalidate cached sums that may have changed."""
        self._totals = self._held = None
        self.version += 1
