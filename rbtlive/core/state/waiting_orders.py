"""Market orders of one bar that wait for the next, stored only as asset and amount.

The rule: nobody sees a difference. When a caller reads one of them, or does anything
else with it, that one becomes an object, as it would have been from the start, and
keeps its place among the others; when too many do, all become objects.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import groupby, islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

from rbtlive.core.state.order import Order
from rbtlive.core.state.touched_orders import TouchedOrders
from rbtlive.data.calendars.calendar import datetime_of
from rbtlive.model.order_facts import OrderState

if TYPE_CHECKING:
    from rbtlive.core.state.order_archive import OrderArchive
    from rbtlive.model.asset import Asset
    from rbtlive.model.commands import CancelOrder

_CREATED, _PENDING = OrderState.CREATED, OrderState.PENDING
_FEW = 8
_SHARE = 4
"""Beyond a few objects, at most one in so many places is one."""


class Asked(NamedTuple):
    """The waiting orders, in the order they were placed.

    Attributes:
        created_us: When they were placed, µs UTC.
        amounts: Asset and signed shares of each; 0 where the asset's orders are objects
            already.
        tags: Tags by number, for tagged orders.
        starts: Places from which on numbers are consecutive, and the number there: an
            order of an asset that has a place already has a number and no place.
    """

    created_us: int
    amounts: list[tuple[Asset, int]]
    tags: dict[int, str]
    starts: list[tuple[int, int]]

    def number_at(self, place: int) -> int:
        """Return the number of the order at a place."""
        return _number_at(self.starts, place)

    def runs(self, fits: Sequence[bool]) -> Iterator[tuple[bool, int, int]]:
        """Return the consecutive places that are alike, and whose numbers are
        consecutive: what they are, the first, and the one past them.

        Args:
            fits: What the order at each place is.
        """
        begun = 0
        cuts = [place for place, _ in self.starts[1:]]
        for is_so, places in groupby(fits):
            past = begun + sum(1 for _ in places)
            inner = [cut for cut in cuts if begun < cut < past] if is_so else []
            for first, end in pairwise([begun, *inner, past]):
                yield is_so, first, end
            begun = past


def _number_at(starts: list[tuple[int, int]], place: int) -> int:
    begun, number = starts[0]
    if len(starts) > 1:
        begun, number = starts[bisect_right(starts, place, key=_place) - 1]
    return number + place - begun


def _place(start: tuple[int, int]) -> int:
    return start[0]


class WaitingOrders:
    """Orders that are not objects yet: at most one per asset, and none whose asset has
    another open order.

    Args:
        live: Orders by id, to which they are added when they become objects.
        book: The same by asset.
        touched: The orders that changed in the session, by id; the value is None for
            one of these, or one that was filled without ever being an object.

    Attributes:
        amounts: Signed whole shares by asset, always the same object; 0 where the
            asset's orders are objects, which fill in this place.
        tags: Tags by number, for tagged orders.
        takes: Whether orders may wait in this form now.
        changed: The orders that are objects, and changed since the last bar, by id.
        created_us: When they were placed, µs UTC.
        is_rested: The venue has them.
    """

    __slots__ = (
        "_archive",
        "_book",
        "_flushed",
        "_live",
        "_objects",
        "_outbox",
        "_starts",
        "_touched",
        "amounts",
        "changed",
        "created_us",
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
        self.changed: dict[str, Order] = {}
        self._outbox: list[Order | CancelOrder] = []
        self.amounts: dict[Asset, int] = {}
        self.tags: dict[int, str] = {}
        self.takes = self.is_rested = False
        self.created_us = 0
        self._starts = [(0, 0)]
        self._objects = 0  # places of assets whose orders are objects
        self._flushed = 0  # so many places count as changed in the session

    def __len__(self) -> int:
        return len(self.amounts) - self._objects

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
        self._archive, self.changed, self._outbox = archive, changed, outbox
        self.takes = True

    def end(self) -> None:
        """Convert the waiting orders to objects; later orders do not wait."""
        self.make()
        self.takes = False

    @contextmanager
    def barred(self) -> Iterator[None]:
        """Let no orders join those that wait meanwhile."""
        takes, self.takes = self.takes, False
        try:
            yield
        finally:
            self.takes = takes

    def come_after(self, first: int, us: int) -> None:
        """Prepare for orders that are placed behind all others.

        Args:
            first: Number of the first of them.
            us: When, µs UTC.
        """
        if not self.amounts:
            self._starts, self.created_us = [(0, first)], us
            self.is_rested = False
            self._flushed = 0
            self._archive.note_time(first, us)
        if self.changed:  # before those that come
            self._touched.put_all_last(self.changed)

    @property
    def is_flushed(self) -> bool:
        """Whether all count as changed in the session."""
        return self._flushed >= len(self.amounts)

    def flush(self) -> None:
        """Mark the waiting orders as changed in this session."""
        count, flushed = len(self.amounts), self._flushed
        if flushed >= count:
            return
        self._flushed = count
        if count == 1:
            self._touched[str(self._starts[0][1])] = None
        else:
            number = _number_at(self._starts, flushed)
            self._touched.note_range(range(number, number + count - flushed))

    def note_only(self, place: int) -> str:
        """Record that the only waiting order was filled completely; return its id.

        Args:
            place: Index of its transaction.
        """
        starts = self._starts
        number = starts[0][1] if len(starts) == 1 else _number_at(starts, 0)
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

    def asset_of(self, order_id: str) -> Asset | None:
        """Return the asset of a waiting order; None if no order of that id waits."""
        if not self.amounts or not order_id.isdigit():
            return None
        number, past = int(order_id), len(self.amounts)
        for begun, first in reversed(self._starts):
            if number >= first:
                place = begun + number - first
                if place >= past:
                    return None
                asset = next(islice(self.amounts, place, None))
                return asset if self.amounts[asset] else None
            past = begun
        return None

    def placed_before(self) -> dict[Asset, list[Order]]:
        """Return the book without the orders that fill in a place among those that
        wait.
        """
        amounts = self.amounts
        return {asset: orders for asset, orders in self._book.items() if amounts.get(asset, 1)}

    def in_order(self) -> list[Asset]:
        """Return the assets that have open orders, in the order of the book; a few that
        have none any more may be among them.
        """
        if not self.amounts:
            return list(self._book)
        behind = [a for a, shares in self.amounts.items() if not shares or a not in self._book]
        return [*self.placed_before(), *behind]

    def take(self) -> Asked:
        """Return the waiting orders and clear the list."""
        asked = Asked(self.created_us, list(self.amounts.items()), self.tags, self._starts)
        self.amounts.clear()
        self.tags = {}
        self._objects = 0
        return asked

    def make(self) -> None:
        """Convert the waiting orders to objects."""
        if not self.amounts:
            return
        is_rested, flushed = self.is_rested, self._flushed
        asked = self.take()
        state = _PENDING if is_rested else _CREATED
        fresh: list[Order] = []
        for place, (asset, amount) in enumerate(asked.amounts):
            if not amount:
                self.keep_place(asset)
                continue
            order = self.made(asked, asked.number_at(place), asset, amount, state=state)
            if not is_rested:
                self._outbox.append(order)
            if place >= flushed:
                fresh.append(order)
        if fresh:  # every other change came after them
            later = dict(self.changed)
            self.changed.clear()
            self.changed.update({order.id: order for order in fresh})
            self.changed.update(later)

    def make_one(self, asset: Asset) -> None:
        """Convert the waiting order of `asset` to an object, which keeps its place: it
        fills after those that were placed before it. No order of the asset need wait.
        """
        shares = self.amounts.get(asset)
        if not shares:
            return
        if not self._has_room():
            self.make()
            return
        self.flush()
        asked = Asked(self.created_us, [], self.tags, self._starts)
        if asset in self._book:  # of the first alone: it has the place of those before it
            number = asked.number_at(0)
            later = [(place - 1, begun) for place, begun in self._starts if place > 0]
            first = [] if later and not later[0][0] else [(0, number + 1)]
            self._starts = first + later
            self._flushed -= 1
            del self.amounts[asset]
        else:
            place = next(
                n for n, other in enumerate(self.amounts) if other is asset or other == asset
            )
            number = asked.number_at(place)
            self._objects += 1
            self.amounts[asset] = 0
        state = _PENDING if self.is_rested else _CREATED
        order = self.made(asked, number, asset, shares, state=state)
        if not self.is_rested:
            self._outbox.append(order)

    def hold_place(self, asset: Asset, number: int) -> None:
        """Keep a place for an order that is an object from the start, and is placed
        behind those that wait.

        Args:
            asset: Of the order.
            number: Of the order.
        """
        if not self._has_room():
            self.make()
            return
        self.flush()  # they changed before it
        self.make_one(asset)
        if not self.amounts:
            return
        if asset in self.amounts or asset in self._book:
            self._starts.append((len(self.amounts), number + 1))
        else:
            self.amounts[asset] = 0
            self._objects += 1
            self._flushed += 1

    def keep_place(self, asset: Asset) -> None:
        """Put the orders of an asset behind all others of the book."""
        orders = self._book.pop(asset, None)
        if orders is not None:
            self._book[asset] = orders

    # Whether one more may be an object: each costs a cut in what is filled in columns.
    def _has_room(self) -> bool:
        return self._objects < _FEW + len(self.amounts) // _SHARE

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
        created, order_id, amount = datetime_of(asked.created_us), str(number), Decimal(shares)
        order = Order(
            order_id, asset, amount, created, created, state=state, tag=asked.tags.get(number)
        )
        self._live[order_id] = order
        self._book.setdefault(asset, []).append(order)
        self._touched.single_out(order_id)
        if order_id in self._touched:
            self._touched[order_id] = order
        return order
