"""The panel's positions: the largest ones as rows, and the sums over all of them.

The rule: a tick costs little more with thousands of positions than with a hundred.
Amounts are read again only where a position has changed, and prices all at once.
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

Row = dict[str, Any]


class PositionRows:
    """What is held, the largest first, at the latest known prices.

    Attributes:
        rows: The rows shown, by symbol.
        held: How many positions there are.
        value: Of all of them.
        long_value: Of the long ones.
        open_profit: Of all of them.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.held = 0
        self.value = self.long_value = self.open_profit = 0.0
        self._version = -1
        self._assets: list[Asset] = []
        self._indices: list[int] = []
        self._read: tuple[list[Decimal], list[Decimal]] = [], []
        self._amounts: NDArray[np.float64] = np.empty(0)
        self._bases: NDArray[np.float64] = np.empty(0)

    def step(
        self, core: TradingCore, elsewhere: Callable[[str], str] = lambda _symbol: ""
    ) -> tuple[list[Row], list[str]]:
        """Return the rows that changed and the symbols held no more.

        A row has the keys of `POSITION_COLUMNS`.

        Args:
            core: The run's.
            elsewhere: Says what others hold of a symbol on the account.
        """
        self._read_amounts(core)
        prices = self._prices(core)
        values = self._amounts * prices
        unknown = np.isnan(values)
        if unknown.any():  # without a price it is worth what it cost
            values[unknown] = self._bases[unknown]
        self.held = len(self._assets)
        self.value = math.fsum(values.tolist())
        self.long_value = math.fsum(values[values > 0.0].tolist())
        self.open_profit = math.fsum((values - self._bases).tolist())
        total = float(core.state.portfolio.cash) + self.value
        rows = [
            self._row(place, float(prices[place]), float(values[place]), total)
            for place in self._shown(values)
        ]
        for row in rows:
            row["elsewhere"] = cut(elsewhere(row["symbol"]))
        before, self.rows = self.rows, {row["symbol"]: row for row in rows}
        changed = [row for row in rows if before.get(row["symbol"]) != row]
        return changed, [symbol for symbol in before if symbol not in self.rows]

    # Exact numbers are turned into floats once, as long as they are the same objects.
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
            self._indices = [asset.index for asset in assets]
            self._amounts = np.array(list(map(float, amounts)), dtype=np.float64)
            self._bases = np.array(list(map(float, bases)), dtype=np.float64)
        self._read = amounts, bases

    # Looked up and not marked: marking is the strategy's business, and changes what is
    # booked.
    def _prices(self, core: TradingCore) -> NDArray[np.float64]:
        market = core.state.market
        if not market.now_us:
            found = [math.nan] * len(self._indices)
        elif market.values_are_closes:
            closes, price = market.closes(), market.price
            found = [
                close if (close := closes[index]) == close else price(index)
                for index in self._indices
            ]
        else:
            found = [market.price(index) for index in self._indices]
        prices = np.array(found, dtype=np.float64)
        for place in np.flatnonzero(np.isnan(prices)).tolist():
            prices[place] = float(core.state.marks.of(self._assets[place]).price)
        return prices

    def _shown(self, values: NDArray[np.float64]) -> list[int]:
        if len(values) <= POSITIONS_SHOWN:
            return list(range(len(values)))
        order = np.argsort(-np.abs(values), kind="stable")
        return [int(place) for place in order[:POSITIONS_SHOWN]]

    def _row(self, place: int, price: float, value: float, total: float) -> Row:
        amount, basis = float(self._amounts[place]), float(self._bases[place])
        return {
            "symbol": self._assets[place].symbol,
            "amount": plain(amount),
            "cost": plain_price(basis / amount) if amount else None,
            "price": plain_price(price),
            "value": plain(value, 2),
            "weight": plain(value / total, 4) if total else None,
            "profit": plain(value - basis, 2),
        }


def _update(floats: NDArray[np.float64], exact: list[Decimal], before: list[Decimal]) -> None:
    for place in compress(count(), map(is_not, exact, before)):
        floats[place] = float(exact[place])
