"""The simulated venue: fills open orders against the current bar, by zipline's rules.

The rule: it decides price and amount of an execution and nothing else; what an execution does to orders and
portfolio happens where every execution is booked, before the next one is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from rbtlive.model.asset import Asset
from rbtlive.model.events import OrderFillEvent
from rbtlive.model.number import ZERO, to_decimal, to_money


class RestingOrder(Protocol):
    """What the venue reads of an order."""

    id: str
    asset: Asset
    amount: Decimal
    limit: Decimal | None
    executions: int


class Slippage(Protocol):
    """A slippage model: yields (order view, price, signed amount) for each execution, in turn."""

    def simulate(self, data: Any, asset: Asset, orders_for_asset: Sequence[Any]) -> Iterable[tuple[Any, Any, Any]]:
        """Yield the executions that `orders_for_asset` get on the current bar."""
        ...


class Commission(Protocol):
    """A commission model."""

    def calculate(self, order: Any, transaction: Any) -> Any:
        """Return the money that `transaction` costs."""
        ...


class SimVenue:
    """Fills orders at the close of the bar after the one they were placed on, or later.

    Args:
        slippage: Model that decides price and amount.
        commission: Model that decides the cost of a fill.
        cap_limit_price: Never fill a limit order worse than its limit (off: as the slippage model says).
        order_view: Turns an order into what models may look at.
        transaction_view: Turns an execution into what commission models may look at.
    """

    cancels_at_once = True

    def __init__(
        self,
        slippage: Slippage,
        commission: Commission,
        *,
        cap_limit_price: bool,
        order_view: Callable[[Any], Any],
        transaction_view: Callable[..., Any],
    ) -> None:
        self.slippage = slippage
        self.commission = commission
        self._cap_limit_price = cap_limit_price
        self._order_view = order_view
        self._transaction_view = transaction_view

    def match(
        self,
        book: Mapping[Asset, Sequence[Any]],
        *,
        data: Any,
        now: datetime,
        emit: Callable[[OrderFillEvent], None],
    ) -> None:
        """Fill what fills on the current bar, in the order of the book; each fill is emitted before the next.

        Args:
            book: Open orders by asset.
            data: The bar data that slippage models read.
            now: END of the bar, UTC.
            emit: Books an execution.
        """
        for asset, orders in list(book.items()):
            views = [self._order_view(order) for order in orders]
            for view, price, amount in self.slippage.simulate(data, asset, views):
                emit(self._execution(view, price, amount=amount, now=now))

    def _execution(self, view: Any, price: Any, *, amount: Any, now: datetime) -> OrderFillEvent:
        order: RestingOrder = view.raw
        signed = to_decimal(amount)
        exact_price = to_money(price)
        if self._cap_limit_price and order.limit is not None:
            exact_price = min(exact_price, order.limit) if signed > 0 else max(exact_price, order.limit)
        transaction = self._transaction_view(order, amount=signed, price=exact_price, dt=now)
        cost = to_money(self.commission.calculate(view, transaction))
        return OrderFillEvent(
            timestamp=now,
            order_id=order.id,
            execution_id=f"{order.id}-{order.executions + 1}",
            amount=signed,
            price=exact_price,
            commission=max(cost, ZERO),
        )
