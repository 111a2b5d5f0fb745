"""Broker adapters: the asynchronous port, the paper broker, and an adapter for each
real broker.

Real brokers are imported on first use: a backtest does not need them.
"""

from typing import TYPE_CHECKING, Any

from rbtlive.brokers.base import BrokerAccount, BrokerAdapter, BrokerExecution, BrokerOrder
from rbtlive.brokers.paper import PaperBroker

if TYPE_CHECKING:
    from rbtlive.brokers.alpaca import AlpacaBroker
    from rbtlive.brokers.alpaca_feed import AlpacaFeed

__all__ = [
    "AlpacaBroker",
    "AlpacaFeed",
    "BrokerAccount",
    "BrokerAdapter",
    "BrokerExecution",
    "BrokerOrder",
    "PaperBroker",
]

_ELSEWHERE = {"AlpacaBroker": "rbtlive.brokers.alpaca", "AlpacaFeed": "rbtlive.brokers.alpaca_feed"}


def __getattr__(name: str) -> Any:
    """Import a real broker on first use."""
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ELSEWHERE[name]), name)


def __dir__() -> list[str]:
    """Include the names that `__getattr__` provides."""
    return sorted({*globals(), *__all__})
