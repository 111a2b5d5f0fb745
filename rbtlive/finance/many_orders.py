"""The results of zipline's models for all market orders of one bar at once.

The rule: the floats equal those of each order alone, to the last bit. The code is not
in the models themselves, because journals store a hash of the models' source.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from rbtlive.finance import commission, slippage
from rbtlive.model.arrays import NDArray, np

Floats: TypeAlias = "NDArray[np.float64]"


def _closes(_model: object, _shares: Floats, closes: Floats, _volumes: Floats) -> Floats:
    return closes


def _with_spread(model: Any, shares: Floats, closes: Floats, _volumes: Floats) -> Floats:
    return closes + float(model.spread) * 0.5 * np.copysign(1.0, shares)


def _worsened(model: Any, shares: Floats, closes: Floats, volumes: Floats) -> Floats:
    prices = closes + closes * (model.percentage * np.copysign(1.0, shares))
    found: Floats = np.where(np.abs(shares) <= float(model.volume_limit) * volumes, prices, np.nan)
    return found


def _impacted(model: Any, shares: Floats, closes: Floats, volumes: Floats) -> Floats:
    limit, sizes = float(model.volume_limit), np.abs(shares)
    fits = sizes <= limit * volumes
    parts = np.where(fits, np.minimum(sizes / volumes, limit), 0.0)
    squares = np.array([part**2 for part in parts.tolist()])  # NumPy's square may differ by a bit
    prices = closes + squares * np.copysign(float(model.price_impact), shares) * closes
    return np.where(fits, prices, np.nan)


def _nothing(_model: object, shares: Floats, _prices: Floats) -> Floats:
    return np.zeros(len(shares))


def _by_share(model: Any, shares: Floats, _prices: Floats) -> Floats:
    costs: Floats = np.maximum(float(model.min_trade_cost), np.abs(shares * model.cost_per_share))
    return costs


def _by_trade(model: Any, shares: Floats, _prices: Floats) -> Floats:
    return np.full(len(shares), float(model.cost))


def _by_dollar(model: Any, shares: Floats, prices: Floats) -> Floats:
    costs: Floats = np.abs(shares) * (prices * model.cost_per_dollar)
    return costs


PRICES: Final[dict[type, Callable[[Any, Floats, Floats, Floats], Floats]]] = {
    slippage.NoSlippage: _closes,
    slippage.FixedSlippage: _with_spread,
    slippage.FixedBasisPointsSlippage: _worsened,
    slippage.VolumeShareSlippage: _impacted,
}
"""By model, a function of signed shares, closes and volumes: the price per share if all
of an order fills, otherwise NaN.
"""

COSTS: Final[dict[type, Callable[[Any, Floats, Floats], Floats]]] = {
    commission.NoCommission: _nothing,
    commission.PerShare: _by_share,
    commission.PerTrade: _by_trade,
    commission.PerDollar: _by_dollar,
}
"""By model, a function of signed shares and prices: the commission of an order's first
fill.
"""
