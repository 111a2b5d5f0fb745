"""zipline's `zipline.assets`: what can be traded."""

from rbtlive.finance.shared import Future
from rbtlive.model.asset import Asset, Equity

__all__ = ["Asset", "Equity", "Future"]
