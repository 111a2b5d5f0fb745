"""Market orders of one bar that wait for the next, stored only as asset and amount.

The rule: nobody sees a difference. As soon as a caller reads one of them, or does
anything with orders other than placing another such order, all become objects, as they
would have been from the start.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from rbtlive.core.state.order import Order
from rbtlive.core.state.touched_orders import TouchedOrders
from rbtlive.model.order_facts import OrderState

if TYPE_CHECKING:
    from rbtlive.core.state.order_archive import OrderArchive
    from rbtlive.model.asset import Asset
    from rbtlive.model.commands import CancelOrder

_CREATED, _PENDING = OrderState.CREATED, OrderState.PENDING


class Asked(NamedTuple):
    """The waiting orders, in the order they were placed, with consecutive numbers.

    Attributes:
        first: Number of the first.
        created: When they were placed, UTC.
        amounts: Asset and signed shares of each.
        tags: Tags by number, for tagged orders.
    """

    first: int
    created: datetime
    amounts: list[tuple[Asset, int]]
    tags: dict[int, str]


class WaitingOrders:
    """Orders that are not objects yet: at most one per asset, and none whose asset has
    another open order.

    Args:
        live: Orders by id, to which they are added when they become objects.
        book: The same by asset.
        touched: The orders that changed in the session, by id; the value is None for
            one of these, or one that was filled without ever being an object.

    Attributes:
        amounts: Signed whole shares by asset, always the same object.
        tags: Tags by number, for tagged orders.
        takes: Whether orders may wait in this form now.
        created: When they were placed, UTC.
        first: Number of the first.
        is_rested: The venue has them.
        is_flushed: They count as changed in the session.
    """

    __slots__ = (
        "_archive",
        "_book",
        "_changed",
        "_live",
        "_outbox",
        "_touched",
        "amounts",
        "created",
        "first",
        "is_flushed",
        "is_rested",
        "tags",
        "takes",
    )

    def __init__(
        self,
        live: dict[str, Order],
        book: dict[Asset, list[Order]],
        touched: TouchedOrders,
    ) -> None:
        self._live, self._book, self._touched = live, book, touched
        self._archive: OrderArchive
        self._changed: dict[str, Order] = {}
        self._outbox: list[Order | CancelOrder] = []
        self.first = 0
        self.amounts: dict[Asset, int] = {}
        self.tags: dict[int, str] = {}
        self.takes = self.is_rested = self.is_flushed = False
        self.created: datetime | None = None

    def begin(
        self,
        archive: OrderArchive,
        changed: dict[str, Order],
        outbox: list[Order | CancelOrder],
    ) -> None:
        """Let orders wait in this form from now on.

        Args:
            archive: Keeps those that are filled completely.
            changed: The orders that changed since the last bar, by id.
            outbox: The orders to be sent.
        """
        self._archive, self._changed, self._outbox = archive, changed, outbox
        self.takes = True

    def end(self) -> None:
        """Convert the waiting orders to objects, and let no more wait."""
        self.make()
        self.takes = False

    def begin_bar(self, first: int, created: datetime) -> None:
        """Start an empty list for a bar; numbers continue from `first`."""
        self.first, self.created = first, created
        self.is_rested = self.is_flushed = False

    def flush(self) -> None:
        """Mark the waiting orders as changed in this session."""
        if self.amounts and not self.is_flushed:
            self.is_flushed = True
            if len(self.amounts) == 1:
                self._touched[str(self.first)] = None
            else:
                self._touched.note_range(range(self.first, self.first + len(self.amounts)))

    def note_only(self, place: int) -> str:
        """Record that the only waiting order was filled completely; return its id.

        Args:
            place: Index of its transaction.
        """
        number = self.first
        order_id = str(number)
        self.amounts.clear()
        if self.tags:
            self._archive.note_filled(number, 1, place, self.tags)
            self.tags.clear()
        else:
            self._archive.note_one_filled(number, place)
        self._touched.put_last(order_id, None)
        return order_id

    def note_filled(self, asked: Asked, numbers: range, place: int) -> None:
        """Record waiting orders that were filled completely.

        Args:
            asked: The waiting orders.
            numbers: Numbers of the filled orders.
            place: Index of the first one's transaction; the others' follow it.
        """
        self._archive.note_filled(numbers[0], len(numbers), place, asked.tags)
        self._touched.note_range(numbers)

    def holds(self, order_id: str) -> bool:
        """Say whether an order waits."""
        return (
            bool(self.amounts)
            and order_id.isdigit()
            and 0 <= int(order_id) - self.first < len(self.amounts)
        )

    def take(self) -> Asked:
        """Return the waiting orders and clear the list."""
        created = self.created
        assert created is not None
        asked = Asked(self.first, created, list(self.amounts.items()), self.tags)
        self.amounts.clear()
        self.tags = {}
        return asked

    def make(self) -> None:
        """Convert the waiting orders to objects."""
        if not self.amounts:
            return
        is_rested, is_flushed = self.is_rested, self.is_flushed
        asked = self.take()
        state = _PENDING if is_rested else _CREATED
        orders = [
            self.made(asked, number, asset, amount, state=state)
            for number, (asset, amount) in enumerate(asked.amounts, asked.first)
        ]
        if not is_rested:
            self._outbox.extend(orders)
        if not is_flushed:  # any other changes came after them
            later = dict(self._changed)
            self._changed.clear()
            self._changed.update({order.id: order for order in orders})
            self._changed.update(later)

    def made(
        self,
        asked: Asked,
        number: int,
        asset: Asset,
        shares: int,
        *,
        state: OrderState = _PENDING,
    ) -> Order:
        """Convert one waiting order to an object in the book and return it."""
        created, order_id, amount = asked.created, str(number), Decimal(shares)
        order = Order(
            order_id, asset, amount, created, created, state=state, tag=asked.tags.get(number)
        )
        self._live[order_id] = order
        self._book.setdefault(asset, []).append(order)
        self._touched.name_each()
        if order_id in self._touched:
            self._touched[order_id] = order
        return order
