"""What our own cost models read of the market: numbers as floats."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from rbtlive.data.bars.market import Market
    from rbtlive.model.asset import Asset


class _Data(Protocol):
    def current(self, assets: Any, fields: Any) -> Any: ...

    def history(self, assets: Any, fields: Any, bar_count: Any, frequency: Any) -> Any: ...

    @property
    def current_dt(self) -> datetime: ...


class FloatBarData:
    """The same with numbers as floats: what our own cost models read, at a third of the
    cost.
    """

    __slots__ = ("_data", "_market", "_numbers")

    def __init__(self, data: _Data, market: Market) -> None:
        self._data = data
        self._market = market
        self._numbers = market.quick.numbers

    def release(self) -> None:
        """Hold the data no longer: it alone holds this."""
        self._data = weakref.proxy(self._data)

    def current(self, asset: Asset, field: str) -> float:
        """Return a number of one asset; NaN if it is missing."""
        try:
            return self._numbers[field][asset][0][self._market.seen]
        except (KeyError, IndexError):
            return float(self._data.current(asset, field))  # from now on the short way is known

    def history(self, assets: Any, fields: Any, bar_count: int, frequency: str) -> Any:
        """Return a window, as the data itself does."""
        return self._data.history(assets, fields, bar_count, frequency)

    @property
    def current_dt(self) -> datetime:
        """END of the current bar."""
        return self._data.current_dt
