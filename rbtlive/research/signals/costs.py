"""Price, amount and commission of many runs' fills on one bar.

The rule: each number equals the one that the model gives the event engine for the same
order.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
from rbtlive.model.arrays import NDArray, np

if TYPE_CHECKING:
    Floats = NDArray[np.float64]
    Price = Callable[[Floats | float, Floats | float, Floats], Floats]
    Most = Callable[[Floats], Floats]
    Charge = Callable[[Floats, Floats, Floats, Floats], Floats]


class Fill(NamedTuple):
    """A slippage model.

    Attributes:
        price: From closes, volumes and signed filled amounts to prices.
        most: From volumes to the largest amounts that an order may get.
    """

    price: Price
    most: Most


_ELSEWHERE: Final = 'pass gear="events" to run it on the event engine'


def fill_by(model: Any, lot: Decimal) -> Fill:
    """Return prices and limits of a slippage model.

    Raises:
        UnsupportedSignals: the columnar gear does not support the model.
    """
    kind = type(model)
    if kind is NoSlippage:
        return Fill(lambda close, _volume, amount: close + np.zeros(len(amount)), _no_limit)
    if kind is FixedSlippage:
        half = float(model.spread) / 2.0
        return Fill(lambda close, _volume, amount: close + half * np.sign(amount), _no_limit)
    if kind is SpreadSlippage:
        part = float(model.basis_points) / 10_000.0
        return Fill(_worse_by(part), _no_limit)
    if kind is FixedBasisPointsSlippage:
        return Fill(_worse_by(model.percentage), _share_of(model, lot))
    if kind is VolumeShareSlippage:
        return Fill(_with_impact(model), _share_of(model, lot))
    raise UnsupportedSignals(
        f"the columnar gear fills by NoSlippage, FixedSlippage, SpreadSlippage, "
        f"FixedBasisPointsSlippage and VolumeShareSlippage: was {kind.__name__}; {_ELSEWHERE}"
    )


def _no_limit(volume: Floats) -> Floats:
    return np.full(len(volume), np.inf)


# The model's share of a bar's volume, in whole lots.
def _share_of(model: FixedBasisPointsSlippage | VolumeShareSlippage, lot: Decimal) -> Most:
    limit = float(model.volume_limit)

    def most(volume: Floats) -> Floats:
        shares = limit * np.nan_to_num(volume)
        if lot == 1:
            return np.trunc(shares)
        return np.array([float(whole_lots(share, lot)) for share in shares.tolist()])

    return most


def _worse_by(part: float) -> Price:
    return lambda close, _volume, amount: close + close * (part * np.sign(amount))


def _with_impact(model: VolumeShareSlippage) -> Price:
    limit, impact = float(model.volume_limit), float(model.price_impact)

    def price(close: Floats | float, volume: Floats | float, amount: Floats) -> Floats:
        share = np.minimum(np.abs(amount) / volume, limit)
        return close + share**2 * (impact * np.sign(amount)) * close

    return price


def charge_by(model: Any) -> Charge:
    """Return the charge function of a commission model: from filled amounts, prices,
    and the orders' earlier filled amounts and commissions, to the commissions that the
    fills add. Only a positive one is paid in cash.

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

    def charge(amount: Floats, _price: object, filled: Floats, paid: Floats) -> Floats:
        fill = np.abs(amount * cost)
        order = np.abs(filled * cost) + fill
        later = np.where(order < least, 0.0, order - paid)
        return np.where(paid == 0.0, np.maximum(least, fill), later)

    return charge
