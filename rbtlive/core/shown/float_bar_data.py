"""The market data that our own cost models read: numbers as floats.

The rule: each number is the one that `data` shows, as a float.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from rbtlive.model.arrays import np

if TYPE_CHECKING:
    from datetime import datetime

    from rbtlive.data.bars.bar_reads import Floats
    from rbtlive.data.bars.market import Market
    from rbtlive.model.asset import Asset


_SEVERAL, _WIDE = 8, 8
"""A whole row of the market is read at once for more than `_SEVERAL` assets, if they
are at least one in `_WIDE` of all.
"""


class _Data(Protocol):
    def current(self, assets: Any, fields: Any) -> Any: ...

    def history(self, assets: Any, fields: Any, bar_count: Any, frequency: Any) -> Any: ...

    @property
    def current_dt(self) -> datetime: ...


class FloatBarData:
    """The same data with numbers as floats, at a third of the cost; our own cost models
    read it.
    """

    __slots__ = ("_data", "_market", "_numbers")

    def __init__(self, data: _Data, market: Market) -> None:
        self._data = data
        self._market = market
        self._numbers = market.quick.numbers

    def release(self) -> None:
        """Drop the data, so that the run's objects form no cycle."""
        self._data = weakref.proxy(self._data)

    def current(self, asset: Asset, field: str) -> float:
        """Return a number of one asset; NaN if it is missing."""
        try:
            return self._numbers[field][asset][0][self._market.seen]
        except (KeyError, IndexError):
            return float(self._data.current(asset, field))  # from now on the fast path knows it

    def traded_of(self, asset: Asset) -> tuple[float, float]:
        """Return close and volume of an asset."""
        numbers, seen = self._numbers, self._market.seen
        try:
            return numbers["close"][asset][0][seen], numbers["volume"][asset][0][seen]
        except (KeyError, IndexError):
            return self.current(asset, "close"), self.current(asset, "volume")

    def traded(self, assets: Sequence[Asset]) -> list[tuple[float, float]]:
        """Return close and volume of each of several assets."""
        market = self._market
        seen, count = market.seen, len(assets)
        if count > _SEVERAL and seen == market.view >= 0 and count * _WIDE > len(market.assets):
            row, traded = market.closes(), market.volumes()
            return [(row[asset.index], traded[asset.index]) for asset in assets]
        try:
            closes, volumes = self._numbers["close"], self._numbers["volume"]
            return [(closes[asset][0][seen], volumes[asset][0][seen]) for asset in assets]
        except (KeyError, IndexError):
            return [(self.current(a, "close"), self.current(a, "volume")) for a in assets]

    def traded_in_row(self, places: Sequence[int]) -> tuple[Floats, Floats] | None:
        """Return closes and volumes of assets by index; None if the current view is not
        a row of the market.
        """
        market = self._market
        if not market.seen == market.view >= 0:
            return None
        closes, volumes = np.asarray(market.closes()), np.asarray(market.volumes())
        return closes.take(places), volumes.take(places)

    def history(self, assets: object, fields: object, bar_count: int, frequency: str) -> Any:
        """Return a window, as the data itself does."""
        return self._data.history(assets, fields, bar_count, frequency)

    @property
    def current_dt(self) -> datetime:
        """END of the current bar."""
        return self._data.current_dt
