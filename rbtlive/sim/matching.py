"""The simulated venue: fills open orders against the current bar, by zipline's rules.

The rule: it decides price and amount of an execution and nothing else; what an execution does to orders and
portfolio happens where every execution is booked, before the next one is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from rbtlive.finance.slippage import SlippageModel
from rbtlive.model.asset import Asset
from rbtlive.model.events import OrderFillEvent
from rbtlive.model.number import ZERO, to_decimal, to_money
from rbtlive.sim.resting import RestingBounds


class RestingOrder(Protocol):
    """What the venue reads of an order."""

    id: str
    asset: Asset
    amount: Decimal
    limit: Decimal | None
    executions: int


class Slippage(Protocol):
    """A slippage model: yields (order view, price, signed amount) for each execution, in turn."""

    def simulate(
        self, data: Any, asset: Asset, orders_for_asset: Sequence[Any]
    ) -> Iterable[tuple[Any, Any, Any]]:
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
        self._resting = RestingBounds()

    def match(
        self,
        book: Mapping[Asset, Sequence[Any]],
        *,
        data: Any,
        now: datetime,
        emit: Callable[[OrderFillEvent], None],
        version: int = 0,
        close_of: Callable[[int], float] | None = None,
    ) -> None:
        """Fill what fills on the current bar, in the order of the book; each fill is emitted before the next.

        Args:
            book: Open orders by asset.
            version: Changes whenever an open order may have been added, ended or restated.
            close_of: Gives the bar's close of an asset's index, NaN if it has none; None looks at every order.
            data: The bar data that slippage models read.
            now: END of the bar, UTC.
            emit: Books an execution.
        """
        # A model with a loop of its own decides for itself which orders it looks at.
        may_skip = getattr(type(self.slippage), "simulate", None) is SlippageModel.simulate
        for asset, orders in list(book.items()):
            if (
                close_of is not None
                and may_skip
                and not self._resting.may_touch(asset, orders, version=version, close=close_of(asset.index))
            ):
                continue
            views = [self._order_view(order) for order in orders]
            for view, price, amount in self.slippage.simulate(data, asset, views):
                emit(self._execution(view, price, amount=amount, now=now))
            self._resting.forget(asset)

    def _execution(self, view: Any, price: Any, *, amount: Any, now: datetime) -> OrderFillEvent:
        order: RestingOrder = view.raw
        signed = Decimal(to_decimal(amount))  # plain: a strategy's own numbers would slow the ledger down
        exact_price = to_money(price)
        if self._cap_limit_price and order.limit is not None:
            exact_price = min(exact_price, order.limit) if signed > 0 else max(exact_price, order.limit)
        transaction = self._transaction_view(order, amount=signed, price=exact_price, dt=now)
        cost = to_money(self.commission.calculate(view, transaction))
        if exact_price < ZERO or not signed.is_finite():
            raise ValueError(
                f"a fill must have a finite amount and no negative price: was {signed} at {exact_price} for order {order.id} "
                f"({order.asset.symbol}); see the slippage model"
            )
        return _trusted_fill(
            {
                "timestamp": now,
                "priority": _FILL_PRIORITY,
                "event_type": _FILL_TYPE,
                "order_id": order.id,
                "execution_id": f"{order.id}-{order.executions + 1}",
                "amount": signed,
                "price": exact_price,
                "commission": max(cost, ZERO),
            }
        )


_FILL_TYPE = OrderFillEvent.__name__
_FILL_PRIORITY = int(OrderFillEvent.default_priority)
_FILL_FIELDS = {"timestamp", "order_id", "execution_id", "amount", "price", "commission"}


# Every value is of its final type already; checking them again would cost more than deciding the fill.
def _trusted_fill(values: dict[str, Any]) -> OrderFillEvent:
    event = OrderFillEvent.__new__(OrderFillEvent)
    object.__setattr__(event, "__dict__", values)
    object.__setattr__(event, "__pydantic_fields_set__", _FILL_FIELDS)
    object.__setattr__(event, "__pydantic_extra__", None)
    object.__setattr__(event, "__pydantic_private__", None)
    return event
