"""zipline's `zipline.assets`: tradable assets."""

from rbtlive.finance.financial_model import Future
from rbtlive.model.asset import Asset, Equity

__all__ = ["Asset", "Equity", "Future"]
