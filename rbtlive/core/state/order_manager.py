"""Every order of a run: by id, by asset while open, by the broker's id.

The rule: the book is changed only here, and only by what happened (`submit_order`,
fills, updates, splits).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, MutableSequence, Sequence
from datetime import datetime
from decimal import Decimal

from rbtlive.core.state.order import Order, OrderFacts
from rbtlive.core.state.order_archive import OrderArchive, RunOrders
from rbtlive.core.state.row_log import RowLog
from rbtlive.core.state.touched_orders import TouchedOrders, objects_of
from rbtlive.core.state.waiting_orders import WaitingOrders
from rbtlive.data.calendars.calendar import us_of
from rbtlive.errors import UnknownOrder
from rbtlive.model.asset import Asset
from rbtlive.model.events import OrderFillEvent, OrderUpdateEvent
from rbtlive.model.order_facts import OPEN_STATES, OrderState, Transaction


class OrderManager:
    """Tracks orders through their life.

    Attributes:
        book: The open orders of each asset, except those that are not objects yet;
            always the same dict; read only.
        waiting: The open orders that are not objects yet.
        archive: Orders of a backtest that have ended; None keeps all as objects.
        emptied: Assets whose last order has ended since `prune`; others may have come.
        last_id: Number of the order created last.
    """

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self.book: dict[Asset, list[Order]] = {}
        self.emptied: list[Asset] = []
        self.archive: OrderArchive | None = None
        self.executions: set[str] = set()
        self.last_id = 0
        self._before: dict[str, tuple[object, ...]] = {}
        self.denied: dict[str, Order] = {}
        self._denied_before = 0
        # Changes whenever an open order is added, ended or adjusted.
        self.version = 0
        # Changes in a backtest whenever an open order may have changed but in the ways
        # above.
        self.looks = 0
        # The fields of an asset's open orders, and the sum of the two numbers then.
        self.pictures: dict[Asset, tuple[int, list[OrderFacts]]] = {}
        # Orders that changed in the current session, the latest change last; emptied by
        # the core. The value is None for orders that wait and for those filled without
        # ever being objects.
        self.touched = TouchedOrders()
        self.waiting = WaitingOrders(self._orders, self.book, self.touched)

    def __len__(self) -> int:
        ended = 0 if self.archive is None else len(self.archive)
        return ended + len(self._orders) + len(self.waiting)

    def __iter__(self) -> Iterator[Order]:
        self.waiting.make()
        if self.archive is None:
            return iter(self._orders.values())
        return self.archive.orders(self._orders)

    def keep_in_columns(self, transactions: RowLog[Transaction]) -> None:
        """From now on, keep ended orders in columns.

        Args:
            transactions: The run's transactions, from which most orders can be rebuilt.
        """
        self.archive = OrderArchive(transactions)
        self.archive.live = self._orders

    def for_good(self) -> MutableSequence[Order]:
        """Return a snapshot of every order; later events do not change it."""
        if self.archive is None:
            return [order.snapshot() for order in self]
        self.waiting.make()
        live = {order_id: order.snapshot() for order_id, order in self._orders.items()}
        return RunOrders(self.archive, live)

    def submit_order(
        self,
        asset: Asset,
        amount: Decimal,
        *,
        dt: datetime,
        limit: Decimal | None = None,
        stop: Decimal | None = None,
    ) -> Order:
        """Create an order and put it in the book; the caller sends it to a venue.

        Args:
            asset: What to trade.
            amount: Signed shares, not zero.
            dt: When, UTC.
            limit: Limit price.
            stop: Stop price.
        """
        self.last_id = number = self.last_id + 1
        if self.waiting.amounts:
            self.waiting.hold_place(asset, number)
        if limit is stop is None and self.archive is not None:
            self.archive.note_time(number, us_of(dt))
        order_id = str(number)
        order = self._orders[order_id] = Order(order_id, asset, amount, dt, dt, limit, stop)
        orders = self.book.get(asset)
        if orders is None:
            self.book[asset] = [order]
        else:
            orders.append(order)
        self.version += 1
        return order

    def let_wait(self, asked: Mapping[Asset, int], *, us: int, tag: str | None = None) -> list[str]:
        """Create market orders that become objects only when they are read; return
        their ids.

        Args:
            asked: Signed whole shares, not zero, by asset; none has an open order.
            us: When, µs UTC.
            tag: The strategy's tag for all of them.
        """
        waiting, first = self.waiting, self.last_id + 1
        waiting.come_after(first, us)
        waiting.amounts.update(asked)
        self.version += len(asked)
        self.last_id += len(asked)
        numbers = range(first, self.last_id + 1)
        if tag is not None:
            waiting.tags.update(dict.fromkeys(numbers, tag))
        return list(map(str, numbers))

    def let_one_wait(
        self, asset: Asset, shares: int, *, us: int, tag: str | None = None
    ) -> str | None:
        """Create one such order, like `let_wait`, and return its id; None if it cannot
        wait: if its asset has other orders, it must be the first that waits, because it
        fills in their place.
        """
        waiting, number = self.waiting, self.last_id + 1
        amounts = waiting.amounts
        if not waiting.takes or (amounts and (asset in amounts or asset in self.book)):
            return None
        if waiting.changed or not amounts:
            waiting.come_after(number, us)
        amounts[asset] = shares
        self.version += 1
        self.last_id = number
        if tag is not None:
            waiting.tags[number] = tag
        return str(number)

    def adopt(self, order: Order) -> None:
        """Add an order that was created elsewhere to the book."""
        self._orders[order.id] = order
        self.book.setdefault(order.asset, []).append(order)
        self.version += 1
        self.last_id = max(self.last_id, int(order.id))

    def reserve(self, order_id: str) -> bool:
        """Never give `order_id` to a new order; return whether it was beyond the last
        id given.
        """
        if not order_id.isdigit() or int(order_id) <= self.last_id:
            return False
        self.last_id = int(order_id)
        return True

    def deny(self, order: Order, reason: str, dt: datetime) -> None:
        """End a new order before it is sent, because one of our own guards or breakers
        refused it.
        """
        order.move(OrderState.DENIED, dt)
        order.reason = reason
        self._take_from_book(order)
        del self._orders[order.id]
        self.denied[order.id] = order

    def get_order(self, order_id: str) -> Order | None:
        """Return the order with that id, or None."""
        waiting = self.waiting
        if waiting.amounts:
            asset = waiting.asset_of(order_id)
            if asset is not None:
                waiting.make_one(asset)
        order = self._orders.get(order_id) or self.denied.get(order_id)
        return self.archive.order(order_id) if order is None and self.archive is not None else order

    def get_active_orders(self, asset: Asset | None = None) -> list[Order]:
        """Return the open orders, of one asset or of all, in the order of the book."""
        if asset is not None:
            self.waiting.make_one(asset)
            return list(self.book.get(asset, ()))
        self.waiting.make()
        return [order for orders in self.book.values() for order in orders]

    def open_by_asset(self) -> dict[Asset, list[Order]]:
        """Return the book with every open order as an object; always the same dict,
        with assets in the order of their first open order. Read only.
        """
        self.waiting.make()
        return self.book

    def apply_fill(self, event: OrderFillEvent) -> Order | None:
        """Book an execution once; return its order, or None if the execution is already
        booked.

        Raises:
            UnknownOrder: no order has that id.
            IllegalTransition: the order cannot fill in its state; then nothing changes.
        """
        order = self._known(event.order_id)
        if event.execution_id in self.executions:
            return None
        in_doubt = order.state is OrderState.UNKNOWN
        self.fill(order, event.amount, event.commission, event.timestamp)
        if in_doubt:
            order.reason = None
        self.executions.add(event.execution_id)
        return order

    def fill(self, order: Order, amount: Decimal, commission: Decimal, dt: datetime) -> None:
        """Book an execution that cannot be reported twice.

        Raises:
            IllegalTransition: the order cannot fill in its state; then nothing changes.
        """
        order.apply_fill(amount, commission, dt)
        if order.state not in OPEN_STATES:
            self._take_from_book(order)

    def fill_whole(self, order: Order, commission: Decimal, dt: datetime) -> None:
        """Book the only execution of an order without earlier ones.

        Raises:
            IllegalTransition: the order cannot fill in its state; then nothing changes.
        """
        order.fill_whole(commission, dt)
        orders = self.book[order.asset]
        if len(orders) == 1:
            del self.book[order.asset]
        else:
            orders.remove(order)
        self.version += 1
        self.touched.put_last(order.id, order)

    def apply_update(self, event: OrderUpdateEvent) -> bool:
        """Move an order to the state that the venue reports; return whether anything
        changed.

        A late or repeated report (accepted after filled, cancelled after cancelled)
        changes nothing; nor does the report that an order is filled, which may overtake
        the fill itself.
        """
        order = self._known(event.order_id)
        if event.broker_order_id is not None:
            if (
                order.state is OrderState.FILLED
            ):  # a filled order is its own snapshot, so it must not change
                order = self._orders[order.id] = copy.copy(order)
                if order.id in self.touched:
                    self.touched[order.id] = order
            order.broker_order_id = event.broker_order_id
        if event.status in {order.state, OrderState.FILLED} or (
            order.state not in OPEN_STATES or _is_step_back(order.state, event.status)
        ):
            return False
        if order.state is OrderState.UNKNOWN:
            order.reason = None  # it said why the outcome was unknown; now it is known
        self.move(order, event.status, event.timestamp, reason=event.reason or None)
        return True

    def move(
        self, order: Order, state: OrderState, dt: datetime, *, reason: str | None = None
    ) -> None:
        """Move `order` along the table and keep the book consistent."""
        order.move(state, dt)
        if reason is not None:
            order.reason = reason
        if state not in OPEN_STATES:
            self._take_from_book(order)

    def apply_split(self, asset: Asset, ratio: Decimal, dt: datetime) -> list[Order]:
        """Adjust the open orders of `asset` for a split; return those left with nothing
        to trade, which leave the book.
        """
        if self.waiting.is_flushed:
            self.waiting.make_one(asset)
        else:  # placed after the last session's close: they are news of the next bar
            self.waiting.make()
        orders = self.book.get(asset, [])
        if self.archive is not None:
            self.archive.keep_unsplit(orders)
        for order in orders:
            order.apply_split(ratio)
        self.version += 1
        emptied = [order for order in orders if order.open_amount == 0]
        for order in emptied:
            stamp = order.dt
            self.move(order, OrderState.FILLED, dt)
            order.dt = stamp  # nothing traded: the time of the last change stays, as in zipline
            self.touched.forget(order.id)
        if not orders:
            if asset in self.waiting.amounts:
                self.waiting.make()  # the place is free
            self.book.pop(asset, None)
        return emptied

    def restore(
        self,
        open_orders: Iterable[Order],
        *,
        touched: Iterable[Order],
        ended: Iterable[Order],
        last_id: int,
        executions: Iterable[str],
    ) -> None:
        """Restore the orders of a resumed run.

        Args:
            open_orders: Open orders, in the order of the book.
            touched: Orders that changed in the current session, the latest change last.
            ended: All other orders, oldest first; a later snapshot of an order replaces
                an earlier one.
            last_id: Number of the order created last.
            executions: Ids of the executions booked so far.
        """
        self.archive = None  # the archive's transactions belong to another run
        book = {order.id: order for order in open_orders}
        changed = {order.id: book.get(order.id, order) for order in touched}
        known = {order.id: order for order in ended} | changed | book
        self._orders.clear()
        self._orders.update((order_id, known[order_id]) for order_id in sorted(known, key=int))
        self.touched.clear()
        self.touched.update(changed)
        self.book.clear()
        self.version += 1
        for order in book.values():
            self.book.setdefault(order.asset, []).append(order)
        self.executions = set(executions)
        self.last_id = last_id

    def changed_since_last(self) -> list[Order]:
        """Return the open orders that have changed since the last call."""
        seen: dict[str, tuple[object, ...]] = {}
        changed = []
        for orders in self.book.values():
            for o in orders:
                now = (
                    o.state,
                    o.filled,
                    o.amount,
                    o.limit,
                    o.stop,
                    o.dt,
                    o.limit_reached,
                    o.broker_order_id,
                    o.cancel_reason,
                )
                if self._before.get(o.id) != now:
                    changed.append(o)
                seen[o.id] = now
        self._before = seen
        return changed

    def denied_since_last(self) -> list[Order]:
        """Return the orders denied since the last call."""
        fresh = list(self.denied.values())[self._denied_before :]
        self._denied_before = len(self.denied)
        return fresh

    def restore_denied(self, denied: Iterable[Order]) -> None:
        """Restore the denied orders of a resumed run, which are already reported."""
        self.denied = {order.id: order for order in denied}
        self._denied_before = len(self.denied)

    def prune(self) -> None:
        """Remove assets without open orders from the book."""
        if not self.emptied:
            return
        waiting = self.waiting
        if waiting.amounts and not waiting.amounts.keys().isdisjoint(self.emptied):
            waiting.make()  # nor do those that wait keep it
        for asset in self.emptied:
            if not self.book.get(asset, True):
                del self.book[asset]
        self.emptied.clear()

    def close_session(self, first_transaction: int) -> Sequence[Order]:
        """Return snapshots of the orders that changed in the session, the latest change
        last, and start a new count.

        Args:
            first_transaction: Index of the session's first.
        """
        if self.archive is None:
            pictures: Sequence[Order] = tuple(
                [order.snapshot() for order in objects_of(self.touched)]
            )
        else:
            pictures = self.archive.close_session(self.touched, first_transaction)
        if self.touched:
            self.touched.clear()
        return pictures

    def touch(self, order: Order) -> None:
        """Mark `order` as the latest to change in this session."""
        self.touched.put_last(order.id, order)

    def _known(self, order_id: str) -> Order:
        order = self.get_order(order_id)
        if order is None:
            raise UnknownOrder(
                f"order id {order_id!r} is not one of this run's {len(self._orders)} orders; "
                "an order placed elsewhere is shown and left alone"
            )
        return order

    def _take_from_book(self, order: Order) -> None:
        asset = order.asset
        orders = self.book.get(asset)
        if orders and order in orders:
            orders.remove(order)
            self.version += 1
            if not orders:
                self.emptied.append(asset)


_RANK = {
    OrderState.CREATED: 0,
    OrderState.SUBMITTED: 1,
    OrderState.UNKNOWN: 1,
    OrderState.PENDING: 2,
    OrderState.PARTIALLY_FILLED: 3,
}


def _is_step_back(state: OrderState, reported: OrderState) -> bool:
    # Updates and fills travel separately: "accepted" may arrive after the first partial
    # fill.
    if reported is OrderState.UNKNOWN:
        return False
    return _RANK.get(reported, 9) < _RANK[state]
