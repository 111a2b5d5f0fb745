"""What a model is shown: the bar data, an order and a fill, as zipline's models see
them.

One rule: numbers may be float, int or `Decimal`, so the built-in models read them
through `float()`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from rbtlive.model.asset import Asset


class BarLike(Protocol):
    """The market as of the bar in which an order is tried."""

    @property
    def current_dt(self) -> Any:
        """END of the bar, UTC."""

    def current(self, assets: Any, fields: Any, /) -> Any:
        """Return the value of one field of one asset in this bar; NaN (volume: 0) where
        nothing traded.
        """

    def history(self, assets: Any, fields: Any, bar_count: int, frequency: str, /) -> Sequence[Any]:
        """Return the last `bar_count` values of one field of one asset, oldest
        first.
        """


class OrderLike(Protocol):
    """An order that may fill."""

    @property
    def id(self) -> str:
        """Name of the order."""

    @property
    def asset(self) -> Asset:
        """What it trades."""

    @property
    def amount(self) -> Any:
        """Signed amount ordered."""

    @property
    def filled(self) -> Any:
        """Signed amount filled before this bar's next fill."""

    @property
    def open_amount(self) -> Any:
        """Signed amount still to fill."""

    @property
    def direction(self) -> Any:
        """1 for a buy, -1 for a sale."""

    @property
    def limit(self) -> Any:
        """Limit price, or None."""

    @property
    def stop(self) -> Any:
        """Stop price, or None."""

    @property
    def commission(self) -> Any:
        """Money charged on this order so far."""

    @property
    def triggered(self) -> bool:
        """Whether stop and limit have been reached, as far as the order has them."""

    def check_triggers(self, price: Any, dt: Any, /) -> None:
        """Latch stop and limit that this close reaches."""


class TransactionLike(Protocol):
    """A fill that is about to be charged."""

    @property
    def amount(self) -> Any:
        """Signed amount filled."""

    @property
    def price(self) -> Any:
        """Price a share."""


class SlippageLike(Protocol):
    """A slippage model, or whatever fills orders as one does."""

    def simulate(self, data: Any, asset: Any, orders_for_asset: Any, /) -> Iterable[Any]:
        """Yield order, price and signed amount of each order that fills."""


class CommissionLike(Protocol):
    """A commission model, or whatever charges for fills as one does."""

    def calculate(self, order: Any, transaction: Any, /) -> Any:
        """Return the money that a fill costs."""
