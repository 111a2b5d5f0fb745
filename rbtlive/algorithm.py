"""zipline's `zipline.algorithm`: the base class of strategies."""

from rbtlive.core.strategy.context import TradingAlgorithm

__all__ = ["TradingAlgorithm"]
