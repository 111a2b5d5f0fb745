"""Default cost models of a run: those that fit each asset's class.

The rule: a run of equities only gets exactly zipline's default models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rbtlive.finance.commission import CommissionModel, PerDollar, PerShare
from rbtlive.finance.slippage import (
    Fill,
    FixedBasisPointsSlippage,
    SlippageModel,
    SpreadSlippage,
)
from rbtlive.model.asset import Asset

CRYPTO_FEE = 0.001
"""Fraction of the traded value. Source: Binance's spot fee, 0.1 %, for takers."""
FX_FEE = 0.00002
"""Fraction of the traded value. Source: Interactive Brokers, spot currencies, 0.2 basis
points.
"""


def default_slippage(assets: Iterable[Asset]) -> SlippageModel:
    """Return the slippage model for assets of these classes."""
    if all(asset.has_volume for asset in assets):
        return FixedBasisPointsSlippage()
    return SlippageByClass({"fx": SpreadSlippage()}, other=FixedBasisPointsSlippage())


def default_commission(assets: Iterable[Asset]) -> CommissionModel:
    """Return the commission model for assets of these classes."""
    fees = {"crypto": PerDollar(CRYPTO_FEE), "fx": PerDollar(FX_FEE)}
    if not any(asset.asset_class in fees for asset in assets):
        return PerShare()
    return CommissionByClass(fees, other=PerShare())


class SlippageByClass(SlippageModel):
    """Delegates to a model for each asset class.

    Args:
        models: Models by name of the class.
        other: The model of all other classes.
    """

    def __init__(self, models: Mapping[str, SlippageModel], *, other: SlippageModel) -> None:
        super().__init__()
        self.models = dict(models)
        self.other = other

    def simulate(self, data: Any, asset: Asset, orders_for_asset: Iterable[Any]) -> Iterator[Fill]:
        """Try the orders of one asset with the model of its class."""
        model = self.models.get(asset.asset_class, self.other)
        return model.simulate(data, asset, orders_for_asset)

    def process_order(self, data: Any, order: Any) -> tuple[Any, Any]:
        """Return the result of the model for the asset's class."""
        return self.models.get(order.asset.asset_class, self.other).process_order(data, order)


class CommissionByClass(CommissionModel):
    """Delegates to a model for each asset class.

    Args:
        models: Models by name of the class.
        other: The model of all other classes.
    """

    def __init__(self, models: Mapping[str, CommissionModel], *, other: CommissionModel) -> None:
        self.models = dict(models)
        self.other = other

    def calculate(self, order: Any, transaction: Any) -> Any:
        """Return the commission by the model for the asset's class."""
        model = self.models.get(order.asset.asset_class, self.other)
        return model.calculate(order, transaction)
