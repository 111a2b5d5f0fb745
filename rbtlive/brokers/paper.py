"""The paper broker: orders fill in the engine's own venue, in event time, exactly as in
a backtest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import ClassVar, Never

from rbtlive.brokers.base import BrokerAccount, BrokerAdapter, BrokerOrder
from rbtlive.errors import BrokerError
from rbtlive.model.commands import SubmitOrder
from rbtlive.model.events import Event


class _Silence(AsyncIterator[Event]):
    async def __anext__(self) -> Event:
        raise StopAsyncIteration


class PaperBroker(BrokerAdapter):
    """Paper trading: the run itself fills the orders.

    Fills are decided by the run's slippage and commission models on the feed's bars.
    This happens inside the engine, not beside the feed: a venue with its own time gives
    other results as soon as bars arrive in bursts.
    """

    name: ClassVar[str] = "paper"
    simulated: ClassVar[bool] = True

    def __init__(self, *options: Never, **named: Never) -> None:
        if options or named:
            given = ", ".join([*map(repr, options), *named])
            raise TypeError(
                f"PaperBroker() takes no arguments: was {given:.80}; costs and capital are the "
                "session's: attach(strategy, PaperBroker(), commission=..., slippage=..., "
                "capital_base=...)"
            )
        super().__init__()

    async def connect(self) -> None:
        """Do nothing: there is nothing to connect to."""

    async def disconnect(self) -> None:
        """Do nothing."""

    async def submit_order(self, order: SubmitOrder, *, client_order_id: str) -> str | None:
        """Raise BrokerError: the engine fills paper orders itself."""
        raise BrokerError(
            f"order {client_order_id} for {order.symbol} belongs in the engine's own venue"
        )

    async def cancel_order(self, *, client_order_id: str) -> None:
        """Raise BrokerError: the engine cancels paper orders itself."""
        raise BrokerError(f"order {client_order_id} belongs in the engine's own venue")

    def events(self) -> AsyncIterator[Event]:
        """Yield nothing."""
        return _Silence()

    async def find_order(self, client_order_id: str) -> BrokerOrder | None:
        """Return None: the engine holds the paper book itself."""
        del client_order_id
        return None

    async def orders(self, *, prefix: str = "", open_only: bool = False) -> list[BrokerOrder]:
        """Return nothing: the engine holds the paper book itself."""
        del prefix, open_only
        return []

    async def positions(self) -> dict[str, Decimal]:
        """Return nothing: the engine holds the paper book itself."""
        return {}

    async def account(self) -> BrokerAccount:
        """Raise BrokerError: a paper account is the engine's own portfolio."""
        raise BrokerError("a paper account is the engine's own portfolio: read session.account")

    def __repr__(self) -> str:
        return "PaperBroker()"
