"""The port to a broker: what an engine asks of one, and how a broker answers.

The rule: every order travels under its client order id, whatever a broker knows comes
back as a fact or an event, and a time-out leaves the state unknown.
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
"""Kinds of cash that comes or goes without an order."""


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
        account_id: The broker's name for the account; empty if it does not say.
        blocked: Why the account may not trade; empty if it may.
    """

    cash: Decimal
    equity: Decimal
    currency: str = "USD"
    account_id: str = ""
    blocked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerHolding:
    """What the account holds of one asset.

    Attributes:
        symbol: Of which.
        amount: Signed shares.
        cost_basis: Average price a share was acquired at; None if it does not say.
        value: Signed market value; None if it does not say.
    """

    symbol: str
    amount: Decimal
    cost_basis: Decimal | None = None
    value: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerActivity:
    """Something that changed the account's cash and was no order.

    Attributes:
        activity_id: The broker's name for it, unique.
        kind: "dividend", "interest", "fee", "deposit", "withdrawal", or "cash in lieu"
            of a part of a share that a split has left over.
        amount: Signed money.
        at: When, UTC.
        symbol: The asset it is about, if it is about one.
        text: What the broker says of it.
    """

    activity_id: str
    kind: CashKind
    amount: Decimal
    at: datetime
    symbol: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSplit:
    """A split that the broker has announced or made.

    Attributes:
        action_id: The broker's name for it, unique.
        symbol: Of which asset.
        ratio: What a price becomes: 0.5 is two for one.
        ex_date: The first day of the new shares.
    """

    action_id: str
    symbol: str
    ratio: Decimal
    ex_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSymbolChange:
    """Another symbol for an asset, that the broker has announced or made.

    Attributes:
        action_id: The broker's name for it, unique.
        symbol: What the asset was called.
        new_symbol: What it is called then.
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
        action_id: The broker's name for it, unique.
        symbol: The asset whose holders it is about.
        effective: The day it takes effect.
        text: What it is, for people, e.g. "stock merger of AAA into BBB".
    """

    action_id: str
    symbol: str
    effective: date
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateActions:
    """What companies do to their shares, around the market's present day.

    Attributes:
        splits: Splits and reverse splits; stock dividends are splits too.
        symbol_changes: New symbols.
        others: What a run cannot book.
    """

    splits: list[BrokerSplit] = field(default_factory=list)
    symbol_changes: list[BrokerSymbolChange] = field(default_factory=list)
    others: list[BrokerAction] = field(default_factory=list)


class BrokerAdapter(ABC):
    """A broker, as an engine sees it.

    Attributes:
        name: Its name in journals and displays.
        simulated: Whether orders fill in the engine's own venue, in event time; nothing
            is sent then.
        idle_poll_s: Seconds between two looks at the account while no order is open;
            None looks as often as when there are some.
        fee_in_asset: The most of a bought pair, as a part of it, that the broker keeps
            as its fee; zero if fees are money.
    """

    name: ClassVar[str] = "broker"
    simulated: ClassVar[bool] = False
    idle_poll_s: ClassVar[float | None] = None
    fee_in_asset: ClassVar[Decimal] = Decimal(0)

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
        """Yield fills, rejects and updates as they arrive, with the client order id
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
        """Return the orders whose client order id begins with `prefix`, oldest
        first.
        """

    @abstractmethod
    async def positions(self) -> dict[str, Decimal]:
        """Return signed shares held, by symbol."""

    @abstractmethod
    async def account(self) -> BrokerAccount:
        """Return cash and equity."""

    # -- what a broker may tell beyond that; each has a default that needs nothing -----

    async def holdings(self) -> list[BrokerHolding]:
        """Return what the account holds, with costs and values where they are known."""
        return [
            BrokerHolding(symbol=symbol, amount=amount)
            for symbol, amount in (await self.positions()).items()
        ]

    async def activities(self) -> list[BrokerActivity]:
        """Return what changed the account's cash lately and was no order, oldest
        first.
        """
        return []

    async def splits(self, symbols: Iterable[str]) -> list[BrokerSplit]:
        """Return the splits of these symbols that took effect lately or soon will."""
        if type(self).corporate_actions is BrokerAdapter.corporate_actions:
            return []
        return (await self.corporate_actions(symbols)).splits

    async def corporate_actions(self, symbols: Iterable[str]) -> CorporateActions:
        """Return what happens to these symbols around the market's present day; by
        default their splits.
        """
        return CorporateActions(splits=await self.splits(symbols))
