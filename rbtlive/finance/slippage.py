"""Slippage models: the price and amount at which an order fills in a bar.

The rule: a model decides the effect of one bar on one order, in zipline's floats and
order of operations. Code shared by all models is in `slippage_model.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from rbtlive.errors import LiquidityExceeded
from rbtlive.finance.financial_model import Future, checked_number, whole_lots
from rbtlive.finance.market_impact import SQRT_252, MarketImpactBase
from rbtlive.finance.protocols import BarLike, OrderLike
from rbtlive.finance.slippage_model import (
    NO_FILL as _NO_FILL,  # this name stays: journals store a hash of the models' source
)
from rbtlive.finance.slippage_model import (
    Fill,
    SlippageModel,
    fill_price_worse_than_limit_price,
)
from rbtlive.model.asset import Asset, Equity
from rbtlive.model.number import to_decimal

__all__ = [
    "DEFAULT_EQUITY_VOLUME_SLIPPAGE_BAR_LIMIT",
    "DEFAULT_ETA",
    "DEFAULT_FUTURE_VOLUME_SLIPPAGE_BAR_LIMIT",
    "SQRT_252",
    "EquitySlippageModel",
    "Fill",
    "FixedBasisPointsSlippage",
    "FixedSlippage",
    "FutureSlippageModel",
    "LiquidityExceeded",
    "MarketImpactBase",
    "NoSlippage",
    "SlippageModel",
    "SpreadSlippage",
    "VolatilityVolumeShare",
    "VolumeShareSlippage",
    "fill_price_worse_than_limit_price",
]

DEFAULT_EQUITY_VOLUME_SLIPPAGE_BAR_LIMIT = 0.025
DEFAULT_FUTURE_VOLUME_SLIPPAGE_BAR_LIMIT = 0.05
DEFAULT_ETA = 0.049018143225019836
"""Market-impact constant of an asset that has none of its own. Source: zipline-reloaded
3.2.1, finance/constants.py.
"""


class NoSlippage(SlippageModel):
    """Fill everything at the close, whatever the volume.

    Source: zipline-reloaded 3.2.1, finance/slippage.py, lines 212-226.
    """

    @staticmethod
    def process_order(data: Any, order: Any) -> tuple[Any, Any]:
        """Return the close and the open amount."""
        return data.current(order.asset, "close"), order.open_amount

    @staticmethod
    def price_of_all(shares: float, close: float, volume: float) -> float | None:  # noqa: ARG004 -- as its siblings
        """Return the close."""
        return close


class EquitySlippageModel(SlippageModel):
    """Base of slippage models for equities only."""

    allowed_asset_types: ClassVar[tuple[type[Asset], ...]] = (Equity,)
    _marks_asset_types = True


class FutureSlippageModel(SlippageModel):
    """Base of slippage models for futures only."""

    allowed_asset_types: ClassVar[tuple[type[Asset], ...]] = (Future,)
    _marks_asset_types = True


class VolumeShareSlippage(SlippageModel):
    """Let orders take a share of the bar's volume, and move the price by the square of
    that share.

    price = close * (1 ± price_impact * share²), share = min((filled in this bar before
    + now) / volume, volume_limit). A price worse than the order's limit means no fill
    in this bar.

    Args:
        volume_limit: Fraction of the bar's volume that all orders of the asset may take
            together; 0.025 is 2.5 %.
        price_impact: Fraction of the price by which taking the whole volume would move
            it.

    Source: zipline-reloaded 3.2.1, finance/slippage.py, lines 241-331; float arithmetic
    in the same order.
    """

    def __init__(
        self,
        volume_limit: float = DEFAULT_EQUITY_VOLUME_SLIPPAGE_BAR_LIMIT,
        price_impact: float = 0.1,
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        checked_number(volume_limit, "volume_limit", owner, at_least=0)
        checked_number(price_impact, "price_impact", owner, at_least=0)
        self.volume_limit = volume_limit
        self.price_impact = price_impact

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(\n    volume_limit={self.volume_limit},\n    "
            f"price_impact={self.price_impact})"
        )

    def process_order(self, data: BarLike, order: OrderLike) -> tuple[float | None, float | None]:
        """Return impacted price and amount; raise LiquidityExceeded if less than one
        lot of volume is left.
        """
        volume = float(data.current(order.asset, "volume"))
        lot_size = order.asset.lot_size
        limit = float(self.volume_limit)
        remaining = limit * volume - self.volume_for_bar
        if remaining < lot_size:
            raise LiquidityExceeded(f"the bar's volume of {order.asset.symbol} is used up")
        shares = float(whole_lots(min(remaining, abs(float(order.open_amount))), lot_size))
        if shares < lot_size:
            return _NO_FILL
        share = min((self.volume_for_bar + shares) / volume, limit)
        close = float(data.current(order.asset, "close"))
        direction = float(order.direction)
        price = close + share**2 * math.copysign(float(self.price_impact), direction) * close
        if fill_price_worse_than_limit_price(price, order):
            return _NO_FILL
        return price, math.copysign(shares, direction)

    def price_of_all(self, shares: float, close: float, volume: float) -> float | None:
        """Return the impacted price; None if the volume is too small."""
        limit, size = float(self.volume_limit), abs(shares)
        if not size <= limit * volume:
            return None
        share = min(size / volume, limit)
        return close + (share**2) * math.copysign(float(self.price_impact), shares) * close


class FixedSlippage(SlippageModel):
    """Fill everything at the close plus (buys) or minus (sales) half a spread, whatever
    the volume.

    Args:
        spread: Money between bid and ask.

    Source: zipline-reloaded 3.2.1, finance/slippage.py, lines 334-365.
    """

    def __init__(self, spread: float = 0.0) -> None:
        super().__init__()
        checked_number(spread, "spread", type(self).__name__)
        self.spread = spread

    def __repr__(self) -> str:
        return f"{type(self).__name__}(spread={self.spread})"

    def process_order(self, data: BarLike, order: OrderLike) -> tuple[float, Any]:
        """Return the price with half the spread, and the open amount."""
        close = float(data.current(order.asset, "close"))
        return close + float(self.spread) / 2.0 * float(order.direction), order.open_amount

    def price_of_all(self, shares: float, close: float, volume: float) -> float | None:  # noqa: ARG002 -- as its siblings
        """Return the price with half the spread."""
        half = float(self.spread) * 0.5
        return close + half * math.copysign(1.0, shares)


class SpreadSlippage(SlippageModel):
    """Fill everything at a price worse than the close by a fixed fraction, whatever the
    volume: half the spread of a quoted market. The default for currencies.

    Args:
        basis_points: Hundredths of a percent by which the price is worse; not negative.
    """

    def __init__(self, basis_points: float = 0.5) -> None:
        super().__init__()
        checked_number(basis_points, "basis_points", type(self).__name__, at_least=0)
        self.basis_points = basis_points

    def __repr__(self) -> str:
        return f"{type(self).__name__}(basis_points={self.basis_points})"

    def process_order(self, data: BarLike, order: OrderLike) -> tuple[float, Any]:
        """Return the worsened close and the open amount."""
        close = float(data.current(order.asset, "close"))
        part = float(self.basis_points) / 10_000.0 * float(order.direction)
        return close + close * part, order.open_amount


class FixedBasisPointsSlippage(SlippageModel):
    """Let orders take a share of the bar's volume at a price worse than the close by a
    fixed fraction. The default model.

    price = close ± close * basis_points / 10,000; shares = min(open, whole lots of
    volume_limit * volume - filled in this bar before). A limit only triggers the order;
    it does not limit the fill price.

    Args:
        basis_points: Hundredths of a percent by which the price is worse; not negative.
        volume_limit: Fraction of the bar's volume that all orders of the asset may take
            together; above 0.

    Source: zipline-reloaded 3.2.1, finance/slippage.py, lines 603-676; float arithmetic
    in the same order.
    """

    def __init__(self, basis_points: float = 5.0, volume_limit: float = 0.1) -> None:
        super().__init__()
        owner = type(self).__name__
        self.percentage = checked_number(basis_points, "basis_points", owner, at_least=0) / 10000.0
        checked_number(volume_limit, "volume_limit", owner, above=0)
        self.basis_points = basis_points
        self.volume_limit = volume_limit

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(\n    basis_points={self.basis_points},\n    "
            f"volume_limit={self.volume_limit},\n)"
        )

    def process_order(self, data: BarLike, order: OrderLike) -> tuple[float, float]:
        """Return price and amount; raise LiquidityExceeded when the bar's share is used
        up.
        """
        lot_size = order.asset.lot_size
        allowed = whole_lots(
            float(self.volume_limit) * float(data.current(order.asset, "volume")), lot_size
        )
        left = whole_lots(allowed - to_decimal(self.volume_for_bar), lot_size)
        shares = min(abs(float(order.open_amount)), float(left))
        if shares <= 0:  # for amounts of billions, a float is less exact than a lot
            raise LiquidityExceeded(f"the bar's volume of {order.asset.symbol} is used up")
        close = float(data.current(order.asset, "close"))
        direction = float(order.direction)
        return close + close * (self.percentage * direction), shares * direction

    def price_of_all(self, shares: float, close: float, volume: float) -> float | None:
        """Return the worsened close; None if the bar's share is too small."""
        if not abs(shares) <= float(self.volume_limit) * volume:
            return None
        return close + close * (self.percentage * (1.0 if shares > 0 else -1.0))


class VolatilityVolumeShare(MarketImpactBase):
    """Move the price with volatility and the square root of the volume share; a model
    for futures.

    price = mid * (1 ± eta * sigma * sqrt(shares / mean daily volume) / 10,000), where
    mid is the midpoint of the bar's high and low, and sigma the annualised volatility
    of 20 sessions.

    Its asset type is futures. To use it with equities, derive from it with
    `allowed_asset_types = (Equity,)`; an equity has no root symbol, so its eta is
    DEFAULT_ETA, whatever `eta` is.

    Args:
        volume_limit: Fraction of the bar's volume that an order may take.
        eta: Constant of the formula for all root symbols, or one by root symbol;
            DEFAULT_ETA for others.

    Source: zipline-reloaded 3.2.1, finance/slippage.py, lines 520-600; float arithmetic
    in the same order.
    """

    NO_DATA_VOLATILITY_SLIPPAGE_IMPACT = 7.5 / 10000
    allowed_asset_types: ClassVar[tuple[type[Asset], ...]] = (Future,)

    def __init__(self, volume_limit: float, eta: float | Mapping[str, float] | None = None) -> None:
        super().__init__()
        owner = type(self).__name__
        checked_number(volume_limit, "volume_limit", owner, at_least=0)
        self.volume_limit = volume_limit
        self._eta: float | dict[str, float]
        if eta is None or isinstance(eta, Mapping):
            self._eta = {
                root: checked_number(x, f"eta[{root!r}]", owner) for root, x in (eta or {}).items()
            }
        else:
            self._eta = checked_number(eta, "eta", owner)

    def __repr__(self) -> str:
        eta = "<varies>" if isinstance(self._eta, dict) else self._eta
        return f"{type(self).__name__}(volume_limit={self.volume_limit}, eta={eta})"

    def get_simulated_impact(
        self,
        order: Any,
        current_price: float,
        current_volume: float,  # noqa: ARG002 -- the base's signature
        txn_volume: float,
        mean_volume: float,
        volatility: float,
    ) -> float:
        """Return the price movement, in money."""
        root_symbol = getattr(order.asset, "root_symbol", None)
        if root_symbol is None:
            eta = DEFAULT_ETA
        else:
            eta = (
                self._eta.get(root_symbol, DEFAULT_ETA)
                if isinstance(self._eta, dict)
                else self._eta
            )
        impact_bps = eta * volatility * math.sqrt(txn_volume / mean_volume)
        return (current_price * impact_bps) / 10000

    def get_txn_volume(self, data: Any, order: Any) -> float:
        """Return the share of the bar's volume that may trade."""
        return float(data.current(order.asset, "volume")) * float(self.volume_limit)
