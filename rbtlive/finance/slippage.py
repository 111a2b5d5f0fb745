"""Slippage models: at which price, and how much of it, an order fills in a bar.

One rule: the orders of one asset are tried one after the other against one budget of
volume, and the caller books each fill before it asks for the next.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from rbtlive.errors import (
    HistoryWindowStartsBeforeData,
    LiquidityExceeded,
    TransactionVolumeExceedsOrder,
    TransactionWithWrongDirection,
)
from rbtlive.finance.financial_model import (
    FinancialModel,
    Future,
    checked_number,
    plain_moment,
    whole_lots,
)
from rbtlive.finance.protocols import BarLike, OrderLike
from rbtlive.model.arrays import NDArray, np
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

SQRT_252 = math.sqrt(252)
DEFAULT_EQUITY_VOLUME_SLIPPAGE_BAR_LIMIT = 0.025
DEFAULT_FUTURE_VOLUME_SLIPPAGE_BAR_LIMIT = 0.05
DEFAULT_ETA = 0.049018143225019836
"""Market-impact constant of an asset without one of its own. Source: zipline-reloaded
3.2.1, finance/constants.py.
"""

_NO_FILL = (None, None)
_NOTHING, _ONE = Decimal(0), Decimal(1)
_ROUNDED = Decimal("1.000000000000001")


Fill = tuple[Any, Any, Decimal]
"""What a model lets an order have in one bar: the order, price a share as the model
gave it, signed amount in whole lots.
"""


def fill_price_worse_than_limit_price(fill_price: Any, order: OrderLike) -> bool:
    """Say whether a price is above a buy's limit or below a sale's.

    A limit of 0 counts as none.
    """
    if not order.limit:
        return False
    price, limit, direction = float(fill_price), float(order.limit), float(order.direction)
    return (direction > 0 and price > limit) or (direction < 0 and price < limit)


class SlippageModel(FinancialModel, abc.ABC):
    """Base of slippage models; derive from it and write `process_order` to fill in your
    own way.

    A subclass with a constructor calls `super().__init__()` first.

    Our own models have a short way for whole shares of a market order that is alone at
    its bar, `price_of_all`: the price if all of it fills, else None. Both ways give the
    same price.
    """

    def __init__(self) -> None:
        self._filled, self._whole = _NOTHING, True

    @property
    def volume_for_bar(self) -> int | float:
        """Shares of the asset at hand that filled in this bar already, buys and sales
        together.
        """
        return int(self._filled) if self._whole or not self._filled else float(self._filled)

    @abc.abstractmethod
    def process_order(self, data: Any, order: Any) -> tuple[Any, Any]:
        """Return the price and the signed amount at which the order fills in this bar.

        It is called for triggered orders only, and only on bars with volume.

        Args:
            data: The bar, as `handle_data` sees it.
            order: The order; `order.open_amount` is what it has left.

        Returns:
            Price a share and signed amount, or (None, None) for no fill. The amount has
            the order's sign and is no larger than what is open; it is cut to whole
            lots. What is left is tried again at the next bar.

        Raises:
            LiquidityExceeded: nothing more of this asset fills in this bar, for this
                order or any later one.
        """

    def simulate(self, data: Any, asset: Asset, orders_for_asset: Iterable[Any]) -> Iterator[Fill]:
        """Try the orders of one asset against the current bar, in turn.

        The generator reads an order only when its turn comes: book each fill before
        taking the next.

        Args:
            data: The bar, as `handle_data` sees it.
            asset: The asset of all the orders.
            orders_for_asset: Orders in the sequence in which they were placed.

        Raises:
            Exception: `process_order` gave a price with less than one lot.
            TransactionWithWrongDirection: `process_order` gave an amount against the
                order's direction.
            TransactionVolumeExceedsOrder: it gave more than the order has open.

        Source: zipline-reloaded 3.2.1, finance/slippage.py, lines 160-206. zipline lets
        the last two pass, and has the order open for ever.
        """
        self._filled, self._whole = _NOTHING, asset.lot_size == _ONE
        if asset.has_volume and float(data.current(asset, "volume")) == 0:
            return
        close = data.current(asset, "close")
        if math.isnan(close):
            return
        for order in orders_for_asset:
            left = order.open_amount
            if not left:
                continue
            if not order.triggered:
                order.check_triggers(to_decimal(close), plain_moment(data.current_dt))
                if not order.triggered:
                    continue
            try:
                result = self.process_order(data, order)
            except LiquidityExceeded:
                break
            price, amount = (
                result if type(result) is tuple and len(result) == 2 else self._pair(result)
            )
            if price is None:
                continue
            # All that is left is of whole lots, and written as it is only if both are
            # of the books: a user's may be 5.000.
            if type(amount) is not Decimal or type(left) is not Decimal or amount != left:
                amount = self._checked_amount(
                    amount, order, to_decimal(left), lot_size=asset.lot_size
                )
            self._filled += abs(amount)
            yield order, price, amount

    def asdict(self) -> dict[str, Any]:
        """Return the model's attributes by name."""
        return dict(self.__dict__)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _pair(self, result: Any) -> tuple[Any, Any]:
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise TypeError(
                f"process_order of {type(self).__name__} must return a price and an amount: was "
                f"{result!r}; "
                "return (None, None) for no fill"
            )
        return result  # type: ignore[return-value]

    def _checked_amount(
        self, amount: Any, order: Any, left: Decimal, *, lot_size: Decimal
    ) -> Decimal:
        if lot_size != _ONE and type(amount) is float and amount == float(left):
            return left  # all of it, of which a float has not all digits
        cut = whole_lots(amount, lot_size)
        if abs(left) < abs(cut) <= abs(left) * _ROUNDED and (cut > 0) == (left > 0):
            cut = left  # a float has no more digits
        if 0 < abs(cut) <= abs(left) and (cut > 0) == (left > 0):
            return cut
        facts = (
            f"process_order of {type(self).__name__} gave {amount} for order {order.id} "
            f"({order.asset.symbol}), "
            f"which has {left} open"
        )
        if cut == 0:
            raise Exception(  # noqa: TRY002 -- zipline's class; a ported strategy may tell it by name
                f"a fill must be at least one lot of {lot_size}: {facts}; return (None, None) for "
                "no fill"
            )
        if (cut > 0) != (left > 0):
            raise TransactionWithWrongDirection(f"a fill must have its order's sign: {facts}")
        raise TransactionVolumeExceedsOrder(f"a fill must not exceed its order: {facts}")


class NoSlippage(SlippageModel):
    """Fill everything at the close, whatever the volume.

    Source: zipline-reloaded 3.2.1, finance/slippage.py, lines 212-226.
    """

    @staticmethod
    def process_order(data: Any, order: Any) -> tuple[Any, Any]:
        """Return the close and all that is open."""
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
    the share taken.

    price = close * (1 ± price_impact * share²), share = min((filled in this bar before
    + now) / volume, volume_limit). A price worse than the order's limit means no fill
    in this bar.

    Args:
        volume_limit: Part of the bar's volume that all orders of the asset may take
            together; 0.025 is 2.5 %.
        price_impact: Part of the price by which taking the whole volume would move it.

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
        """Return impacted price and amount; raise LiquidityExceeded with less than one
        lot of volume left.
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
        """Return the impacted price; None if the volume is not enough."""
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
        """Return the price with half the spread, and all that is open."""
        close = float(data.current(order.asset, "close"))
        return close + float(self.spread) / 2.0 * float(order.direction), order.open_amount

    def price_of_all(self, shares: float, close: float, volume: float) -> float | None:  # noqa: ARG002 -- as its siblings
        """Return the price with half the spread."""
        half = float(self.spread) * 0.5
        return close + half * math.copysign(1.0, shares)


class SpreadSlippage(SlippageModel):
    """Fill everything at a price a fixed part worse than the close, whatever the
    volume: half the spread of a quoted market. The default of currencies.

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
        """Return the worsened close and all that is open."""
        close = float(data.current(order.asset, "close"))
        part = float(self.basis_points) / 10_000.0 * float(order.direction)
        return close + close * part, order.open_amount


class FixedBasisPointsSlippage(SlippageModel):
    """Let orders take a share of the bar's volume at a price a fixed part worse than
    the close. The default model.

    price = close ± close * basis_points / 10,000; shares = min(open, whole lots of
    volume_limit * volume - filled in this bar before). A limit is respected as trigger
    only.

    Args:
        basis_points: Hundredths of a percent by which the price is worse; not negative.
        volume_limit: Part of the bar's volume that all orders of the asset may take
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
        if shares == 0:
            raise LiquidityExceeded(f"the bar's volume of {order.asset.symbol} is used up")
        close = float(data.current(order.asset, "close"))
        direction = float(order.direction)
        return close + close * (self.percentage * direction), shares * direction

    def price_of_all(self, shares: float, close: float, volume: float) -> float | None:
        """Return the worsened close; None if the bar's share is not enough."""
        if not abs(shares) <= float(self.volume_limit) * volume:
            return None
        return close + close * (self.percentage * (1.0 if shares > 0 else -1.0))


class MarketImpactBase(SlippageModel):
    """Base of models whose price impact depends on the volume and volatility of the
    last 20 sessions.

    A subclass says how much may trade (`get_txn_volume`) and how far that moves the
    price (`get_simulated_impact`). The price moved is the middle of the bar's high and
    low. A price worse than the order's limit means no fill in this bar.

    Attributes:
        NO_DATA_VOLATILITY_SLIPPAGE_IMPACT: Part of the price that is taken as impact
            while 20 sessions are not known.

    Source: zipline-reloaded 3.2.1, finance/slippage.py, lines 368-517.
    """

    NO_DATA_VOLATILITY_SLIPPAGE_IMPACT = 10.0 / 10000

    @abc.abstractmethod
    def get_txn_volume(self, data: Any, order: Any) -> float:
        """Return how many shares this bar can take, whatever the order has open."""

    @abc.abstractmethod
    def get_simulated_impact(
        self,
        order: Any,
        current_price: float,
        current_volume: float,
        txn_volume: float,
        mean_volume: float,
        volatility: float,
    ) -> float:
        """Return by how much money the price moves.

        Args:
            order: The order.
            current_price: Middle of the bar's high and low.
            current_volume: The bar's volume.
            txn_volume: Shares to fill now.
            mean_volume: Mean daily volume of the last 20 complete sessions.
            volatility: Standard deviation of their daily returns, times the root of
                252.
        """

    def process_order(self, data: BarLike, order: OrderLike) -> tuple[float | None, float | None]:
        """Return impacted price and amount, or (None, None)."""
        asset = order.asset
        volume = float(data.current(asset, "volume"))
        if order.open_amount == 0 or volume == 0:
            return _NO_FILL
        wanted = min(float(self.get_txn_volume(data, order)), abs(float(order.open_amount)))
        shares = float(whole_lots(wanted, asset.lot_size))
        if shares == 0:
            return _NO_FILL
        price = (float(data.current(asset, "high")) + float(data.current(asset, "low"))) / 2.0
        mean_volume, volatility = _volume_and_volatility(data, asset, 20)
        if mean_volume == 0 or math.isnan(volatility):
            impact = price * self.NO_DATA_VOLATILITY_SLIPPAGE_IMPACT
        else:
            impact = self.get_simulated_impact(
                order=order,
                current_price=price,
                current_volume=volume,
                txn_volume=shares,
                mean_volume=mean_volume,
                volatility=volatility,
            )
        direction = float(order.direction)
        impacted = price + math.copysign(impact, direction)
        if fill_price_worse_than_limit_price(impacted, order):
            return _NO_FILL
        return impacted, math.copysign(shares, direction)


class VolatilityVolumeShare(MarketImpactBase):
    """Move the price with volatility and the root of the volume share; a model for
    futures.

    price = middle * (1 ± eta * sigma * sqrt(shares / mean daily volume) / 10,000),
    where the middle is that of the bar's high and low and sigma the annualised
    volatility of 20 sessions.

    It names futures as what it serves. To use it with equities, derive from it with
    `allowed_asset_types = (Equity,)`; an equity has no root symbol, so its eta is
    DEFAULT_ETA, whatever `eta` says.

    Args:
        volume_limit: Part of the bar's volume that an order may take.
        eta: Constant of the formula for every root symbol, or one by root symbol;
            DEFAULT_ETA where there is none.

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
        """Return by how much money the price moves."""
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


def _volume_and_volatility(data: BarLike, asset: Asset, sessions: int) -> tuple[float, float]:
    # One row more is asked for and the last one left out: the current session is not
    # complete in minute mode.
    try:
        volumes = _floats(data.history(asset, "volume", sessions + 1, "1d"))[:-1]
        closes = _floats(data.history(asset, "close", sessions + 1, "1d"))[:-1]
    except HistoryWindowStartsBeforeData:
        return 0.0, math.nan
    known = _forward_filled(closes)
    with np.errstate(
        divide="ignore", invalid="ignore"
    ):  # a close of 0 makes the volatility unknown, no more
        returns = known[1:] / known[:-1] - 1
        volatility = float(np.std(returns, ddof=1)) * SQRT_252
    return float(np.mean(np.nan_to_num(volumes))), volatility


def _floats(values: Any) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _forward_filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    # A missing close stands for "unchanged"; before the first known one nothing is
    # known, and NaN says so.
    last_known = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
    return values[last_known]
