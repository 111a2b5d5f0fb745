"""Base of slippage models that move the price with volume and volatility.

The rule: only complete sessions count, and until twenty of them are known the impact is
a fixed fraction of the price.
"""

from __future__ import annotations

import abc
import math
from typing import Any

from rbtlive.errors import HistoryWindowStartsBeforeData
from rbtlive.finance.financial_model import whole_lots
from rbtlive.finance.protocols import BarLike, OrderLike
from rbtlive.finance.slippage_model import (
    NO_FILL,
    SlippageModel,
    fill_price_worse_than_limit_price,
)
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset

SQRT_252 = math.sqrt(252)


class MarketImpactBase(SlippageModel):
    """Base of models whose price impact depends on the volume and volatility of the
    last 20 sessions.

    A subclass defines how much may trade (`get_txn_volume`) and how far that moves the
    price (`get_simulated_impact`). The starting price is the midpoint of the bar's high
    and low. A price worse than the order's limit means no fill in this bar.

    Attributes:
        NO_DATA_VOLATILITY_SLIPPAGE_IMPACT: Fraction of the price used as impact until
            20 sessions are known.

    Source: zipline-reloaded 3.2.1, finance/slippage.py, lines 368-517.
    """

    NO_DATA_VOLATILITY_SLIPPAGE_IMPACT = 10.0 / 10000

    @abc.abstractmethod
    def get_txn_volume(self, data: Any, order: Any) -> float:
        """Return how many shares can trade in this bar, whatever the order's open
        amount.
        """

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
        """Return the price movement, in money.

        Args:
            order: The order.
            current_price: Midpoint of the bar's high and low.
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
            return NO_FILL
        wanted = min(float(self.get_txn_volume(data, order)), abs(float(order.open_amount)))
        shares = float(whole_lots(wanted, asset.lot_size))
        if shares == 0:
            return NO_FILL
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
            return NO_FILL
        return impacted, math.copysign(shares, direction)


def _volume_and_volatility(data: BarLike, asset: Asset, sessions: int) -> tuple[float, float]:
    # Request one row more and drop the last: in minute mode the current session is not
    # complete.
    try:
        volumes = _floats(data.history(asset, "volume", sessions + 1, "1d"))[:-1]
        closes = _floats(data.history(asset, "close", sessions + 1, "1d"))[:-1]
    except HistoryWindowStartsBeforeData:
        return 0.0, math.nan
    known = _forward_filled(closes)
    with np.errstate(
        divide="ignore", invalid="ignore"
    ):  # a close of 0 only makes the volatility unknown
        returns = known[1:] / known[:-1] - 1
        volatility = float(np.std(returns, ddof=1)) * SQRT_252
    return float(np.mean(np.nan_to_num(volumes))), volatility


def _floats(values: object) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _forward_filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    # A missing close means "unchanged"; before the first known close the values are
    # NaN.
    last_known = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
    return values[last_known]
