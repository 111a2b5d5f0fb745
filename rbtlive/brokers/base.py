"""The port to a broker: what an engine asks of one, and how a broker answers.

The rule: every order travels under its client order id, whatever a broker knows comes
back as a fact or an event, and a question that was not answered is not an answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from rbtlive.data.feeds.as_feed import DataFeed
from rbtlive.model.commands import SubmitOrder
from rbtlive.model.events import Event
from rbtlive.model.order import OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerExecution:
    """One execution, as the broker books it.

    Attributes:
        execution_id: The broker's name for it, unique.
        amount: Signed shares.
        price: Price a share.
        commission: Money it cost.
        at: When it happened, UTC.
    """

    execution_id: str
    amount: Decimal
    price: Decimal
    at: datetime
    commission: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrder:
    """One order, as the broker knows it now.

    Attributes:
        client_order_id: The id it was sent under; orders placed elsewhere have one of
            another form.
        broker_order_id: The broker's own id.
        symbol: What is traded.
        amount: Signed shares asked for.
        filled: Signed shares filled.
        average_price: Average price of the filled shares, None before the first.
        state: Where it stands.
        executions: Its executions, as far as the broker tells them one by one.
        updated_at: When it last changed, UTC.
    """

    client_order_id: str
    broker_order_id: str
    symbol: str
    amount: Decimal
    filled: Decimal
    average_price: Decimal | None
    state: OrderState
    updated_at: datetime
    limit: Decimal | None = None
    stop: Decimal | None = None
    reason: str = ""
    executions: tuple[BrokerExecution, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAccount:
    """The account, as the broker knows it now.

    Attributes:
        cash: Money not in positions.
        equity: Cash plus positions.
        currency: ISO code.
    """

    cash: Decimal
    equity: Decimal
    currency: str = "USD"


class BrokerAdapter(ABC):
    """A broker, as an engine sees it.

    Attributes:
        name: Its name in journals and displays.
        simulated: Whether orders fill in the engine's own venue, in event time; nothing
            is sent then.
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
    async def submit_order(self, order: SubmitOrder, *, client_order_id: str) -> str | None:
        """Place an order once, without retrying, and return the broker's own id for it.

        Raises:
            OrderRefused: the broker said no, for good.
            Exception: anything else leaves the outcome unknown; it is asked for by
                client order id.
        """

    @abstractmethod
    async def cancel_order(self, *, client_order_id: str) -> None:
        """Ask for an order to be cancelled; the answer comes as an event. An ended
        order is no error.
        """

    @abstractmethod
    def events(self) -> AsyncIterator[Event]:
        """Yield fills, rejects and updates as they are told, with the client order id
        in the place of the order id.

        The iterator lives as long as the connection; it reconnects by itself.
        """

    @abstractmethod
    async def find_order(self, client_order_id: str) -> BrokerOrder | None:
        """Return the order of that client order id, with its executions; None if the
        broker does not know it.
        """

    @abstractmethod
    async def orders(self, *, prefix: str = "", open_only: bool = False) -> list[BrokerOrder]:
        """Return the orders whose client order id begins with `prefix`, oldest first."""

    @abstractmethod
    async def positions(self) -> dict[str, Decimal]:
        """Return signed shares held, by symbol."""

    @abstractmethod
    async def account(self) -> BrokerAccount:
        """Return cash and equity."""
