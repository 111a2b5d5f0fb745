"""The arguments of a model: bar data, an order and a fill, as zipline's models see
them.

The rule: numbers may be float, int or `Decimal`, so the built-in models convert them
with `float()`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from rbtlive.model.asset import Asset


class BarLike(Protocol):
    """The market at the bar in which an order is tried."""

    @property
    def current_dt(self) -> Any:
        """END of the bar, UTC."""

    def current(self, assets: Any, fields: Any, /) -> Any:
        """Return the value of one field of one asset in this bar; NaN (volume: 0) if
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
        """Id of the order."""

    @property
    def asset(self) -> Asset:
        """The asset to trade."""

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
        """Whether its stop and limit have been reached, if it has them."""

    def check_triggers(self, price: Any, dt: Any, /) -> None:
        """Latch a stop and limit that this close reaches."""


class TransactionLike(Protocol):
    """A fill that is about to be charged."""

    @property
    def amount(self) -> Any:
        """Signed amount filled."""

    @property
    def price(self) -> Any:
        """Price per share."""


class SlippageLike(Protocol):
    """A slippage model, or any object that fills orders in the same way."""

    def simulate(self, data: Any, asset: Any, orders_for_asset: Any, /) -> Iterable[Any]:
        """Yield order, price and signed amount of each order that fills."""


class CommissionLike(Protocol):
    """A commission model, or any object that charges in the same way."""

    def calculate(self, order: Any, transaction: Any, /) -> Any:
        """Return the cost of a fill."""
