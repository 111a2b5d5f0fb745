"""The panel's positions: the largest as rows, and sums over all of them.

The rule: a tick costs little more with thousands of positions than with a hundred.
Amounts are read again only if a position has changed, and prices all at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from itertools import compress, count
from operator import is_, is_not
from typing import Any

from rbtlive.core.trading_core import TradingCore
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset
from rbtlive.notebook.panel.plain import cut, plain, plain_price

POSITIONS_SHOWN = 100
FEW = 12
"""Up to this many positions are read one by one: columns would cost more."""

Row = dict[str, Any]


class PositionRows:
    """The positions at the latest known prices; if there are very many, the largest.

    Attributes:
        rows: The rows shown, by symbol.
        held: Number of positions.
        value: Value of all positions.
        long_value: Value of the long positions.
        open_profit: Open profit of all positions.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.held = 0
        self.value = self.long_value = self.open_profit = 0.0
        self._version = -1
        self._assets: list[Asset] = []
        self._indices: NDArray[np.intp] = np.empty(0, np.intp)
        self._read: tuple[list[Decimal], list[Decimal]] = [], []
        self._amounts: NDArray[np.float64] = np.empty(0)
        self._bases: NDArray[np.float64] = np.empty(0)

    def step(
        self, core: TradingCore, elsewhere: Callable[[str], str] = lambda _symbol: ""
    ) -> tuple[list[Row], list[str]]:
        """Return the changed rows, and the symbols no longer held.

        A row has the keys of `POSITION_COLUMNS`.

        Args:
            core: The run's core.
            elsewhere: Returns the account's other holdings of a symbol, as text.
        """
        few = len(core.state.portfolio.positions) <= FEW
        rows = self._read_few(core) if few else self._read_many(core)
        for row in rows:
            row["elsewhere"] = cut(elsewhere(row["symbol"]))
        before, self.rows = self.rows, {row["symbol"]: row for row in rows}
        changed = [row for row in rows if before.get(row["symbol"]) != row]
        return changed, [symbol for symbol in before if symbol not in self.rows]

    def _read_few(self, core: TradingCore) -> list[Row]:
        market = core.state.market
        closes = market.closes() if market.now_us and market.values_are_closes else None
        read = []
        for asset, position in core.state.portfolio.positions.items():
            amount, basis = float(position.amount), float(position.basis_cost)
            price = math.nan if closes is None else float(closes[asset.index])
            if math.isnan(price):
                price = self._price(core, asset)
            value = basis if math.isnan(price) else amount * price
            read.append((asset.symbol, amount, basis, price, value))
        values = [value for *_facts, value in read]
        self.held = len(read)
        self.value = math.fsum(values)
        self.long_value = math.fsum(value for value in values if value > 0.0)
        self.open_profit = math.fsum(value - basis for _s, _a, basis, _p, value in read)
        total = float(core.state.portfolio.cash) + self.value
        return [
            {
                "symbol": symbol,
                "amount": plain(amount),
                "cost": plain_price(basis / amount) if amount else None,
                "price": plain_price(price),
                "value": plain(value, 2),
                "weight": plain(value / total, 4) if total else None,
                "profit": plain(value - basis, 2),
            }
            for symbol, amount, basis, price, value in read
        ]

    def _read_many(self, core: TradingCore) -> list[Row]:
        self._read_amounts(core)
        prices = self._prices(core)
        values = self._amounts * prices
        unknown = np.isnan(values)
        if unknown.any():  # a position without a price is valued at cost
            values[unknown] = self._bases[unknown]
        self.held = len(self._assets)
        self.value = float(values.sum())
        self.long_value = float(values[values > 0.0].sum())
        self.open_profit = float((values - self._bases).sum())
        total = float(core.state.portfolio.cash) + self.value
        return self._rows(_largest(values), prices, values, total)

    # Exact numbers are converted to floats once, while they are the same objects.
    def _read_amounts(self, core: TradingCore) -> None:
        portfolio = core.state.portfolio
        if portfolio.version == self._version:
            return
        self._version = portfolio.version
        assets = list(portfolio.positions)
        positions = portfolio.positions.values()
        amounts = [position.amount for position in positions]
        bases = [position.basis_cost for position in positions]
        if len(assets) == len(self._assets) and all(map(is_, assets, self._assets)):
            _update(self._amounts, amounts, self._read[0])
            _update(self._bases, bases, self._read[1])
        else:
            self._assets = assets
            self._indices = np.array([asset.index for asset in assets], dtype=np.intp)
            self._amounts = np.array(list(map(float, amounts)), dtype=np.float64)
            self._bases = np.array(list(map(float, bases)), dtype=np.float64)
        self._read = amounts, bases

    # Reads prices without marking positions, because marking changes the books.
    def _prices(self, core: TradingCore) -> NDArray[np.float64]:
        market = core.state.market
        prices: NDArray[np.float64] = np.full(len(self._indices), np.nan)
        if market.now_us and market.values_are_closes:
            prices = np.array(market.closes(), dtype=np.float64)[self._indices]
        for place in np.flatnonzero(np.isnan(prices)).tolist():
            prices[place] = self._price(core, self._assets[place])
        return prices

    @staticmethod
    def _price(core: TradingCore, asset: Asset) -> float:
        market = core.state.market
        price = market.price(asset.index) if market.now_us else math.nan
        return float(core.state.marks.of(asset).price) if math.isnan(price) else price

    # Rounded all at once: one by one it would take most of a tick.
    def _rows(
        self,
        places: NDArray[np.intp],
        prices: NDArray[np.float64],
        values: NDArray[np.float64],
        total: float,
    ) -> list[Row]:
        amounts, bases, worth = self._amounts[places], self._bases[places], values[places]
        held = np.where(amounts == 0.0, np.nan, amounts)
        columns = {
            "symbol": [self._assets[place].symbol for place in places.tolist()],
            "amount": _plain(amounts.round(6)),
            "cost": _plain_prices(bases / held),
            "price": _plain_prices(prices[places]),
            "value": _plain(worth.round(2)),
            "weight": _plain((worth / (total or np.nan)).round(4)),
            "profit": _plain((worth - bases).round(2)),
        }
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _largest(values: NDArray[np.float64]) -> NDArray[np.intp]:
    if len(values) <= POSITIONS_SHOWN:
        return np.arange(len(values))
    return np.argsort(-np.abs(values), kind="stable")[:POSITIONS_SHOWN]


# The same as `plain` and `plain_price`, for an already rounded column.
def _plain(column: NDArray[np.float64]) -> list[float | int | None]:
    return [
        (int(value) if value.is_integer() else value) if value - value == 0.0 else None
        for value in column.tolist()
    ]


def _plain_prices(column: NDArray[np.float64]) -> list[float | int | None]:
    small = (np.abs(column) < 1.0) & (column != 0.0)
    return _plain(np.where(small, column.round(12), column.round(4)))


def _update(floats: NDArray[np.float64], exact: list[Decimal], before: list[Decimal]) -> None:
    for place in compress(count(), map(is_not, exact, before)):
        floats[place] = float(exact[place])
