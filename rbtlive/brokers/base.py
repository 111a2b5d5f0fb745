"""The port to a broker: an engine's requests, and a broker's answers.

The rule: every order carries its client order id, a broker's knowledge is returned as a
fact or an event, and a time-out leaves the state unknown.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar, Literal

from rbtlive.data.feeds.as_feed import DataFeed
from rbtlive.model.commands import SubmitOrder
from rbtlive.model.events import Event
from rbtlive.model.order_facts import OrderState

CashKind = Literal["dividend", "interest", "fee", "deposit", "withdrawal", "cash in lieu"]
"""Kinds of cash movements without an order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerExecution:
    """One execution, as the broker books it.

    Attributes:
        execution_id: The broker's unique id.
        amount: Signed shares.
        price: Price per share.
        commission: Its cost.
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
        symbol: The traded asset.
        amount: Signed shares asked for.
        filled: Signed shares filled.
        average_price: Average price of the filled shares, None before the first.
        state: Its state.
        executions: Its executions, if the broker reports them individually.
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
        cash: Money not in positions: with the proceeds of sales that are not settled
            yet, and with what is set aside for open orders.
        equity: Cash plus positions.
        currency: ISO code.
        account_id: The broker's name for the account; empty if unknown.
        blocked: Why the account may not trade; empty if it may.
    """

    cash: Decimal
    equity: Decimal
    currency: str = "USD"
    account_id: str = ""
    blocked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerHolding:
    """The account's holding in one asset.

    Attributes:
        symbol: Symbol of the asset.
        amount: Signed shares.
        cost_basis: Average price paid per share; None if unknown.
        value: Signed market value; None if unknown.
    """

    symbol: str
    amount: Decimal
    cost_basis: Decimal | None = None
    value: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerActivity:
    """A change of the account's cash other than an order.

    Attributes:
        activity_id: The broker's unique id.
        kind: "dividend", "interest", "fee", "deposit", "withdrawal", or "cash in lieu"
            of a fraction of a share left over by a split.
        amount: Signed money.
        at: Time, UTC.
        symbol: The asset concerned, if any.
        text: The broker's description.
    """

    activity_id: str
    kind: CashKind
    amount: Decimal
    at: datetime
    symbol: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSplit:
    """A split that the broker has announced or carried out.

    Attributes:
        action_id: The broker's unique id.
        symbol: Symbol of the asset.
        ratio: Factor for prices: 0.5 is two for one.
        ex_date: The first day of the new shares.
    """

    action_id: str
    symbol: str
    ratio: Decimal
    ex_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSymbolChange:
    """A new symbol of an asset that the broker has announced or introduced.

    Attributes:
        action_id: The broker's unique id.
        symbol: The old symbol.
        new_symbol: The new symbol.
        effective: The first day of the new symbol.
    """

    action_id: str
    symbol: str
    new_symbol: str
    effective: date


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAction:
    """A corporate action that a run cannot book: a merger, a spin-off and the like.

    Attributes:
        action_id: The broker's unique id.
        symbol: The asset whose holders it concerns.
        effective: The day it takes effect.
        text: Its description for people, e.g. "stock merger of AAA into BBB".
    """

    action_id: str
    symbol: str
    effective: date
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateActions:
    """Corporate actions around the market's present day.

    Attributes:
        splits: Splits and reverse splits; stock dividends are splits too.
        symbol_changes: New symbols.
        others: Actions that a run cannot book.
    """

    splits: list[BrokerSplit] = field(default_factory=list)
    symbol_changes: list[BrokerSymbolChange] = field(default_factory=list)
    others: list[BrokerAction] = field(default_factory=list)


class BrokerAdapter(ABC):
    """A broker, as an engine sees it.

    Attributes:
        name: Its name in journals and displays.
        simulated: Whether orders fill in the engine's own venue, in event time; then
            nothing is sent.
        idle_poll_s: Seconds between two looks at the account while no order is open;
            None uses the same interval as with open orders.
        fee_in_asset: Maximum fraction of bought coins that the broker keeps as its fee;
            zero if fees are in money.
    """

    name: ClassVar[str] = "broker"
    simulated: ClassVar[bool] = False
    idle_poll_s: ClassVar[float | None] = None
    fee_in_asset: ClassVar[Decimal] = Decimal(0)

    @property
    def feed(self) -> DataFeed | None:
        """The broker's own market data, if it offers any."""
        return None

    @abstractmethod
    async def connect(self) -> None:
        """Connect and be ready to trade.

        Raises:
            BrokerError: the connection fails.
        """

    @abstractmethod
    async def disconnect(self) -> None:
        """Close the connection; orders do not change."""

    @abstractmethod
    async def submit_order(self, order: SubmitOrder, *, client_order_id: str) -> str | None:
        """Place an order once, without retrying, and return the broker's own id for it.

        Raises:
            OrderRefused: the broker refused the order finally.
            Exception: any other exception leaves the outcome unknown; it is queried by
                client order id.
        """

    @abstractmethod
    async def cancel_order(self, *, client_order_id: str) -> None:
        """Request the cancellation of an order; the answer comes as an event. An ended
        order is not an error.
        """

    @abstractmethod
    def events(self) -> AsyncIterator[Event]:
        """Yield fills, rejects and updates as they arrive, with the client order id as
        order id.

        The iterator lives as long as the connection; it reconnects by itself.
        """

    @abstractmethod
    async def find_order(self, client_order_id: str) -> BrokerOrder | None:
        """Return the order with that client order id and its executions; None if the
        broker does not know it.
        """

    @abstractmethod
    async def orders(self, *, prefix: str = "", open_only: bool = False) -> list[BrokerOrder]:
        """Return the orders whose client order id begins with `prefix`, oldest
        first.
        """

    @abstractmethod
    async def positions(self) -> dict[str, Decimal]:
        """Return signed shares held, by symbol."""

    @abstractmethod
    async def account(self) -> BrokerAccount:
        """Return cash and equity."""

    # -- optional reports; each has a default that needs nothing
    # ------------------------

    async def holdings(self) -> list[BrokerHolding]:
        """Return the account's holdings, with costs and values if they are known."""
        return [
            BrokerHolding(symbol=symbol, amount=amount)
            for symbol, amount in (await self.positions()).items()
        ]

    async def activities(self) -> list[BrokerActivity]:
        """Return recent changes of the account's cash other than orders, oldest
        first.
        """
        return []

    async def splits(self, symbols: Iterable[str]) -> list[BrokerSplit]:
        """Return the splits of these symbols that took effect recently or will soon."""
        if type(self).corporate_actions is BrokerAdapter.corporate_actions:
            return []
        return (await self.corporate_actions(symbols)).splits

    async def corporate_actions(self, symbols: Iterable[str]) -> CorporateActions:
        """Return the corporate actions of these symbols around the market's present
        day; by default their splits.
        """
        return CorporateActions(splits=await self.splits(symbols))
