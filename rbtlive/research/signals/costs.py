"""Price, amount and commission of many runs' fills on one bar.

The rule: each number equals the one that the model gives the event engine for the same
order.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from rbtlive.errors import UnsupportedSignals
from rbtlive.finance.commission import NoCommission, PerDollar, PerShare, PerTrade
from rbtlive.finance.financial_model import whole_lots
from rbtlive.finance.slippage import (
    FixedBasisPointsSlippage,
    FixedSlippage,
    NoSlippage,
    SpreadSlippage,
    VolumeShareSlippage,
)
from rbtlive.model.arrays import np

Fill = Callable[[float, float, Any], tuple[Any, Any]]
"""From close, volume and open signed amounts to price and signed filled amounts."""
Charge = Callable[[Any, Any, Any, Any], Any]
"""From filled amounts, prices, and the order's earlier filled amount and commission, to
the commission that the fill adds; only a positive amount is paid in cash.
"""
_ELSEWHERE: Final = 'pass gear="events" to run it on the event engine'


def fill_by(model: Any, lot: Decimal) -> Fill:
    """Return the fill function of a slippage model.

    Raises:
        UnsupportedSignals: the columnar gear does not support the model.
    """
    kind = type(model)
    if kind is NoSlippage:
        return lambda close, _volume, left: (np.full(len(left), close), left)
    if kind is FixedSlippage:
        half = float(model.spread) / 2.0
        return lambda close, _volume, left: (close + half * np.sign(left), left)
    if kind is SpreadSlippage:
        part = float(model.basis_points) / 10_000.0
        return lambda close, _volume, left: (close + close * (part * np.sign(left)), left)
    if kind is FixedBasisPointsSlippage:
        return _basis_points(model, lot)
    if kind is VolumeShareSlippage:
        return _volume_share(model, lot)
    raise UnsupportedSignals(
        f"the columnar gear fills by NoSlippage, FixedSlippage, SpreadSlippage, "
        f"FixedBasisPointsSlippage and VolumeShareSlippage: was {kind.__name__}; {_ELSEWHERE}"
    )


def _basis_points(model: FixedBasisPointsSlippage, lot: Decimal) -> Fill:
    limit, part = float(model.volume_limit), model.percentage

    def fill(close: float, volume: float, left: Any) -> tuple[Any, Any]:
        allowed = float(whole_lots(limit * volume, lot))
        direction = np.sign(left)
        return close + close * (part * direction), np.minimum(np.abs(left), allowed) * direction

    return fill


def _volume_share(model: VolumeShareSlippage, lot: Decimal) -> Fill:
    limit, impact = float(model.volume_limit), float(model.price_impact)

    def fill(close: float, volume: float, left: Any) -> tuple[Any, Any]:
        direction = np.sign(left)
        allowed = float(whole_lots(limit * volume, lot))
        shares = np.minimum(np.abs(left), allowed)
        share = np.minimum(shares / volume, limit)
        return close + share**2 * (impact * direction) * close, shares * direction

    return fill


def charge_by(model: Any) -> Charge:
    """Return the charge function of a commission model.

    Raises:
        UnsupportedSignals: the columnar gear does not support the model.
    """
    kind = type(model)
    if kind is NoCommission:
        return lambda amount, _price, _filled, _paid: np.zeros(len(amount))
    if kind is PerTrade:
        flat = float(model.cost)
        return lambda _amount, _price, _filled, paid: np.where(paid == 0.0, flat, 0.0)
    if kind is PerDollar:
        part = model.cost_per_dollar
        return lambda amount, price, _filled, _paid: np.abs(amount) * (price * part)
    if kind is PerShare:
        return _per_share(model)
    raise UnsupportedSignals(
        f"the columnar gear charges by NoCommission, PerShare, PerTrade and PerDollar: was "
        f"{kind.__name__}; {_ELSEWHERE}"
    )


def _per_share(model: PerShare) -> Charge:
    cost, least = float(model.cost_per_share), float(model.min_trade_cost)

    def charge(amount: Any, _price: object, filled: Any, paid: object) -> Any:
        fill = np.abs(amount * cost)
        order = np.abs(filled * cost) + fill
        later = np.where(order < least, 0.0, order - paid)
        return np.where(paid == 0.0, np.maximum(least, fill), later)

    return charge
