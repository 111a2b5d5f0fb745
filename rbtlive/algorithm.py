"""zipline's `zipline.algorithm`: the base class of strategies; and Quantopian's
`quantopian.algorithm`, with the functions of `rbtlive.api`.
"""

from rbtlive.core.strategy.context import TradingAlgorithm

__all__ = ["TradingAlgorithm"]


def __getattr__(name: str) -> object:
    from rbtlive import api

    if name in api.__all__:
        found: object = getattr(api, name)
        return found
    if name in {"order_optimal_portfolio", "calculate_optimal_portfolio"}:
        from rbtlive.errors import NotBuilt
        from rbtlive.missing_modules import OPTIMIZE

        raise NotBuilt(f"rbtlive.algorithm.{name} is not built: {OPTIMIZE}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
