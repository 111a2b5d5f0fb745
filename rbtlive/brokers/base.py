"""The port to a broker: what an engine asks of one, and how a broker answers.

The rule: every order travels under its client order id, and whatever a broker knows comes back as an event.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import ClassVar

from rbtlive.data.feed import DataFeed
from rbtlive.model.commands import SubmitOrder
from rbtlive.model.events import Event


class BrokerAdapter(ABC):
    """A broker, as an engine sees it.

    Attributes:
        name: Its name in journals and displays.
        simulated: Whether orders fill in the engine's own venue, in event time; nothing is sent then.
    """

    name: ClassVar[str] = "broker"
    simulated: ClassVar[bool] = False

    @property
    def feed(self) -> DataFeed | None:
        """The broker's own market data; None if it has none."""
        return None

    @abstractmethod
    async def connect(self) -> None:
        """Be ready to trade.

        Raises:
            BrokerError: it cannot.
        """

    @abstractmethod
    async def disconnect(self) -> None:
        """Let go of the connection; orders stay as they are."""

    @abstractmethod
    async def equity(self) -> Decimal | None:
        """Return the account's equity, which becomes the capital base; None if there is no account."""

    @abstractmethod
    async def submit_order(self, order: SubmitOrder, *, client_order_id: str) -> str | None:
        """Place an order and return the broker's own id for it.

        Raises:
            OrderRefused: the broker said no, for good.
            Exception: anything else leaves the outcome unknown.
        """

    @abstractmethod
    async def cancel_order(self, *, client_order_id: str) -> None:
        """Ask for an order to be cancelled; the answer comes as an event."""

    @abstractmethod
    def events(self) -> AsyncIterator[Event]:
        """Yield fills, rejects and updates, with the client order id in the place of the order id."""
