"""Decides which bars cannot touch resting orders: price bounds per asset, instead of a
check of each order.

The rule: false positives are fine, false negatives are not; a "no" must change
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rbtlive.model.asset import Asset
from rbtlive.model.number import ZERO

_MARGIN = 1e-9  # closes may have binary noise that a comparison of decimals does not see
_ABOVE, _BELOW = 1 + _MARGIN, 1 - _MARGIN
_INFINITE = float("inf")
_ANY_BAR = _INFINITE, -_INFINITE
"""The range of an order that may fill on any bar."""


class RestingBounds:
    """For each asset, the prices between which none of its orders can trigger."""

    __slots__ = ("_all", "_bounds")

    def __init__(self) -> None:
        self._bounds: dict[Asset, tuple[int, float, float]] = {}
        # Index of each asset with its bounds, and the version they belong to; no bounds
        # if an order may fill on any bar.
        self._all: tuple[int, list[tuple[int, float, float]] | None] | None = None

    def touches_none(
        self,
        book: Mapping[Asset, Sequence[Any]],
        *,
        version: int,
        close_of: Callable[[int], float],
    ) -> bool:
        """Say whether a bar can neither trigger nor fill any order.

        Args:
            book: Open orders by asset.
            version: As in `may_touch`.
            close_of: Returns the bar's close by asset index, NaN if there is none.
        """
        ranges = self.ranges(book, version)
        if ranges is None:
            return False
        for index, low, high in ranges:
            close = close_of(index)
            if close == close and not low < close < high:  # noqa: PLR0124 - NaN
                return False
        return True

    def ranges(
        self, book: Mapping[Asset, Sequence[Any]], version: int
    ) -> list[tuple[int, float, float]] | None:
        """Return the index of each asset, and the prices between which none of its
        orders can trigger; None if an order may fill on any bar.
        """
        known = self._all
        if known is None or known[0] != version:
            known = self._all = (version, self._quiet_ranges(book, version))
        return known[1]

    def only_range(
        self, book: Mapping[Asset, Sequence[Any]], version: int
    ) -> tuple[int, float, float] | None:
        """Return the same for the only asset of a book; None if one of its orders may
        fill on any bar.
        """
        known = self._all
        if known is None or known[0] != version:
            ((asset, orders),) = book.items()
            if not orders:
                return None  # its last order has just ended
            low, high = _quiet_range(orders)
            if low > high:
                return None
            only = asset.index, low, high
            self._all = (version, [only])
            return only
        ranges = known[1]
        return ranges[0] if ranges else None

    # None if an order may fill on any bar that has a close.
    def _quiet_ranges(
        self, book: Mapping[Asset, Sequence[Any]], version: int
    ) -> list[tuple[int, float, float]] | None:
        ranges = []
        for asset, orders in book.items():
            if not orders:
                continue  # its last order has just ended
            low, high = _quiet_range(orders)
            self._bounds[asset] = (version, low, high)
            if low > high:
                return None
            ranges.append((asset.index, low, high))
        return ranges

    def may_touch(self, asset: Asset, orders: Sequence[Any], *, version: int, close: float) -> bool:
        """Say whether a bar that closes at `close` may trigger or fill one of `orders`.

        Args:
            asset: Asset of the orders.
            orders: Its open orders.
            version: Changes whenever an open order may have been added, ended or
                adjusted.
            close: The bar's close; NaN touches nothing.
        """
        known = self._bounds.get(asset)
        if known is None or known[0] != version:
            known = self._bounds[asset] = (version, *_quiet_range(orders))
        return close == close and not known[1] < close < known[2]  # noqa: PLR0124 - NaN

    def forget(self, asset: Asset) -> None:
        """Check the asset's orders again next time: a bar may have triggered some
        without filling them.
        """
        self._bounds.pop(asset, None)
        self._all = None


def _quiet_range(orders: Sequence[Any]) -> tuple[float, float]:
    low, high = -_INFINITE, _INFINITE
    for order in orders:
        stop, limit = order.stop, order.limit
        # A stop comes first: until it is reached, the limit of a stop-limit order does
        # not count.
        if stop is not None:
            if order.stop_reached and (limit is None or order.limit_reached):
                return _ANY_BAR
            price, below = float(stop), order.amount < ZERO
        elif limit is not None and not order.limit_reached:
            price, below = float(limit), order.amount > ZERO
        else:
            return _ANY_BAR
        if below:
            price *= _ABOVE
            if price > low:  # noqa: PLR1730 - `max` takes three times as long
                low = price
        else:
            price *= _BELOW
            if price < high:  # noqa: PLR1730 - so does `min`
                high = price
    return low, high
