"""Where orders go: the asynchronous port, the paper broker, and one file per real broker."""

from rbtlive.brokers.alpaca import AlpacaBroker
from rbtlive.brokers.alpaca_feed import AlpacaFeed
from rbtlive.brokers.base import BrokerAccount, BrokerAdapter, BrokerExecution, BrokerOrder
from rbtlive.brokers.paper import PaperBroker

__all__ = [
    "AlpacaBroker",
    "AlpacaFeed",
    "BrokerAccount",
    "BrokerAdapter",
    "BrokerExecution",
    "BrokerOrder",
    "PaperBroker",
]
