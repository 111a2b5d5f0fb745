"""Market orders of one bar that wait for the next, known by what was asked for alone.

The rule: nobody sees a difference. As soon as somebody looks at one of them, or does
anything that concerns orders and is no such order, all become objects, as they would
have been from the start.
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
    """The orders that waited, in the order they were placed, with numbers in a row.

    Attributes:
        first: Number of the first.
        created: When they were placed, UTC.
        amounts: Asset and signed shares of each.
        tags: Tags by number, of those that have one.
    """

    first: int
    created: datetime
    amounts: list[tuple[Asset, int]]
    tags: dict[int, str]


class WaitingOrders:
    """Orders that are no objects yet: one an asset, none of which has another open
    order.

    Args:
        live: Where orders go by id once they are objects.
        book: Where they go by asset.
        touched: The orders that changed in the session, by id; one of these, or one
            that was filled without ever being an object, is None there.

    Attributes:
        amounts: Signed whole shares by asset, always the same object.
        tags: Tags by number, of those that have one.
        takes: Whether orders may wait so now.
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
        """Let orders wait from now on.

        Args:
            archive: Keeps those that are filled whole.
            changed: The orders that changed since the last bar, by id.
            outbox: The orders that are to be sent.
        """
        self._archive, self._changed, self._outbox = archive, changed, outbox
        self.takes = True

    def end(self) -> None:
        """Make objects of those that wait, and let no more wait."""
        self.make()
        self.takes = False

    def begin_bar(self, first: int, created: datetime) -> None:
        """Begin with none, placed at a bar; numbers go on from `first`."""
        self.first, self.created = first, created
        self.is_rested = self.is_flushed = False

    def flush(self) -> None:
        """Count those that wait as changed in this session."""
        if self.amounts and not self.is_flushed:
            self.is_flushed = True
            if len(self.amounts) == 1:
                self._touched[str(self.first)] = None
            else:
                self._touched.note_range(range(self.first, self.first + len(self.amounts)))

    def note_only(self, place: int) -> str:
        """Let the only order that waits be filled whole; return its id.

        Args:
            place: Place of its transaction.
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
        """Note orders that waited, and were filled whole.

        Args:
            asked: The orders that waited.
            numbers: Of those that were filled.
            place: Place of the first one's transaction; the others' follow it.
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
        """Return those that wait; they wait no longer."""
        created = self.created
        assert created is not None
        asked = Asked(self.first, created, list(self.amounts.items()), self.tags)
        self.amounts.clear()
        self.tags = {}
        return asked

    def make(self) -> None:
        """Make objects of those that wait."""
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
        if not is_flushed:  # what else has changed came after them
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
        """Return one of those that waited as an order in the book."""
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
