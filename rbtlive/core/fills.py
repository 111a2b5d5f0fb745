"""What an execution does to a run: order, ledger, record, and the strategy's hook.

The rule: an execution is booked whole before the next one is decided, and all of a
step's transactions come before all of its commissions: cost basis depends on it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rbtlive.core.views import OrderView, TransactionView
from rbtlive.errors import InvariantBroken
from rbtlive.model.order import Transaction
from rbtlive.sim.matching import execution_id, fill_event

if TYPE_CHECKING:
    from datetime import datetime

    from rbtlive.core.order import Order
    from rbtlive.core.trading_core import TradingCore
    from rbtlive.model.asset import Asset
    from rbtlive.model.events import OrderFillEvent


class Fills:
    """Books the executions of one run.

    Attributes:
        balanced_version: The portfolio's version when its books were last found to
            balance.
    """

    __slots__ = ("_core", "_heard", "_now", "_unbooked", "balanced_version")

    def __init__(self, core: TradingCore) -> None:
        self._core = core
        self._heard = core.callbacks.hook("on_order_fill") is not None
        self._unbooked: list[tuple[Asset, Decimal]] = []
        self.balanced_version = -1
        self._now = core.now

    def match(self, book: dict[Asset, list[Order]]) -> None:
        """Let the venue fill what fills on the current bar."""
        core = self._core
        self._now = core.now
        core.venue.match(
            book,
            data=core.data,
            now=self._now,
            emit=self._book if core.emit is None else self._tell,
            version=core.orders.version,
            close_of=core.market.close,
        )
        core.orders.prune()
        self.settle()
        if core.callbacks.waiting:
            core.callbacks.deliver()

    def take(self, event: OrderFillEvent) -> None:
        """Book an execution that was told of, unless it was booked before.

        Raises:
            UnknownOrder: no order has that id.
            IllegalTransition: the order cannot fill in its state; nothing has changed
                then.
        """
        order = self._core.orders.apply_fill(event)
        if order is not None:
            self._note(
                order,
                event.amount,
                event.price,
                event.commission,
                event.timestamp,
                event.execution_id,
            )

    def settle(self) -> None:
        """Charge the commissions of what was filled, and see that the books balance.

        Raises:
            InvariantBroken: they do not.
        """
        portfolio = self._core.portfolio
        for asset, cost in self._unbooked:
            portfolio.book_commission(asset, cost)
        self._unbooked.clear()
        if self.balanced_version != portfolio.version:
            self.balanced_version = portfolio.version
            off = portfolio.conservation_error()
            if off:
                raise InvariantBroken(
                    f"cash and positions do not balance: off by {off} at {self._core.now}"
                )

    # Where nobody else has to hear of it no event is made: a backtest has a third of an
    # order's cost less.
    def _book(self, order: Order, amount: Decimal, price: Decimal, commission: Decimal) -> None:
        name = execution_id(order)
        self._core.orders.fill(order, amount, commission, self._now)
        self._note(order, amount, price, commission, self._now, name)

    def _tell(self, order: Order, amount: Decimal, price: Decimal, commission: Decimal) -> None:
        emit = self._core.emit
        assert emit is not None
        emit(fill_event(order, amount, price, commission, now=self._now))

    def _note(
        self,
        order: Order,
        amount: Decimal,
        price: Decimal,
        commission: Decimal,
        dt: datetime,
        name: str,
    ) -> None:
        core, asset = self._core, order.asset
        core.portfolio.book_transaction(asset, amount, price=price, dt=dt)
        if commission:
            self._unbooked.append((asset, commission))
        core.record.transactions.append(
            Transaction(dt, asset, amount, price, commission, order.id, name)
        )
        core.orders.touch(order)
        if self._heard:
            view = TransactionView(
                order, core.frames, dt=dt, amount=amount, price=price, commission=commission
            )
            core.callbacks.waiting.append(("on_order_fill", (OrderView(order, core.frames), view)))
