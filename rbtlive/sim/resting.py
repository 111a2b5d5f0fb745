"""Which bars cannot touch the orders that rest: a bound on prices an asset, instead of
a look at each order.

The rule: it may say "perhaps" too often and "no" never wrongly; a "no" must change
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rbtlive.model.asset import Asset

_MARGIN = 1e-9  # closes may carry binary noise that the comparison of decimals does not see


class RestingBounds:
    """For each asset, the prices between which none of its orders can trigger."""

    __slots__ = ("_bounds",)

    def __init__(self) -> None:
        self._bounds: dict[Asset, tuple[int, float, float]] = {}

    def may_touch(self, asset: Asset, orders: Sequence[Any], *, version: int, close: float) -> bool:
        """Say whether a bar that closes at `close` may trigger or fill one of `orders`.

        Args:
            asset: Whose orders.
            orders: Its open orders.
            version: Changes whenever an open order may have been added, ended or
                restated.
            close: The bar's close; NaN touches nothing.
        """
        known = self._bounds.get(asset)
        if known is None or known[0] != version:
            known = self._bounds[asset] = (version, *_quiet_range(orders))
        return close == close and not known[1] < close < known[2]  # noqa: PLR0124 - NaN

    def forget(self, asset: Asset) -> None:
        """Look at the asset's orders anew next time: a bar may have triggered some
        without filling them.
        """
        self._bounds.pop(asset, None)


def _quiet_range(orders: Sequence[Any]) -> tuple[float, float]:
    low, high = float("-inf"), float("inf")
    for order in orders:
        if order.triggered:
            return float("inf"), float("-inf")  # it may fill on any bar
        buy = order.amount > 0
        # A stop comes first: until it is reached the limit of a stop-limit order does
        # not count.
        if order.stop is not None:
            below, price = not buy, float(order.stop)
        else:
            below, price = buy, float(order.limit)
        if below:
            low = max(low, price * (1 + _MARGIN))
        else:
            high = min(high, price * (1 - _MARGIN))
    return low, high
