"""Ended orders of a backtest, and snapshots of orders at session closes, stored without
an object each.

The rule: an order is rebuilt from the stored data, equal in every field. A market order
that one execution filled is rebuilt from its transaction; an order as it was placed is
rebuilt from its final state.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, MutableSequence, Sequence
from typing import Any, overload

from rbtlive.core.state.order import Order, every_field
from rbtlive.core.state.row_log import RowLog
from rbtlive.core.state.touched_orders import TouchedKey, TouchedOrders
from rbtlive.data.calendars.calendar import datetime_of
from rbtlive.model.number import ZERO
from rbtlive.model.order_facts import OPEN_STATES, OrderState, Transaction

_CREATED, _PENDING, _FILLED = OrderState.CREATED, OrderState.PENDING, OrderState.FILLED
# The kinds of snapshot: the order as placed, in one of two states; its final state; or
# a snapshot stored as an object.
_AS_CREATED, _AS_PENDING, _ENDED, _WHOLE = range(4)
_ORDER_ID = Transaction._fields.index("order_id")
_KEPT_OPEN = 64
"""This many ended orders are kept as objects: a strategy that reads one reads it again.
"""


class OrderArchive:
    """The stored data of ended orders and of order snapshots.

    Args:
        transactions: The run's transactions.

    Attributes:
        live: The orders that are still objects, by id.
    """

    __slots__ = (
        "_before_splits",
        "_opened",
        "_stamp_ids",
        "_stamps_us",
        "_tags",
        "_where",
        "_whole",
        "live",
        "transactions",
    )

    def __init__(self, transactions: RowLog[Transaction]) -> None:
        self.transactions = transactions
        self.live: dict[str, Order] = {}
        self._whole: RowLog[Order] = RowLog(every_field, Order)
        # By an order's number: 1 + index of its transaction, or -1 - index of its
        # snapshot.
        self._where: array[int] = array("q")
        self._stamp_ids: list[int] = []
        self._stamps_us: list[int] = []
        self._tags: dict[int, str] = {}
        self._before_splits: dict[int, Order] = {}
        self._opened: dict[int, Order] = {}

    def __len__(self) -> int:
        return len(self._where) - self._where.count(0)

    def note_time(self, number: int, us: int) -> None:
        """Record when orders from this number on were placed, µs UTC."""
        stamps = self._stamps_us
        if not stamps or stamps[-1] != us:
            self._stamp_ids.append(number)
            stamps.append(us)

    def keep_unsplit(self, orders: Iterable[Order]) -> None:
        """Store orders as they are before a split adjusts them."""
        for order in orders:
            if not order.restated:
                self._before_splits[int(order.id)] = order.__copy__()

    def close_session(self, touched: TouchedOrders, first_transaction: int) -> Sequence[Order]:
        """Return snapshots of the orders that changed in a session; those that have
        ended are no longer kept as objects.

        Args:
            touched: The orders; None stands for one that waits or was filled
                completely.
            first_transaction: Index of the session's first.
        """
        if not touched:
            return ()
        keys = array("q")
        self.add_keys(keys, touched.items(), first_transaction)
        return OrderPictures(self, keys)

    def add_keys(
        self,
        keys: array[int],
        touched: Iterable[tuple[TouchedKey, Order | None]],
        first_transaction: int,
    ) -> None:
        """Add to `keys` what `close_session` makes its snapshots of.

        Args:
            keys: Receives them.
            touched: As in `close_session`, each with its key.
            first_transaction: As there.
        """
        places, where, whole = None, self._where, self._whole
        for order_id, order in touched:
            if order is None:
                number = int(order_id) if isinstance(order_id, str) else order_id[0]
                has_ended = number < len(where) and where[number]
                key = 4 * number + (_ENDED if has_ended else _AS_CREATED)
                if isinstance(order_id, range):
                    keys.extend(range(key, key + 4 * len(order_id), 4))
                else:
                    keys.append(key)
                continue
            number, state = int(order.id), order.state
            if state is _PENDING or state is _CREATED:
                # A touched stop of an order with two prices leaves no other trace.
                if (
                    order.dt is order.created
                    and (order.limit is None or order.stop is None)
                    and not (order.limit_reached or order.stop_reached)
                    and not (order.restated or order.executions)
                ):
                    keys.append(4 * number + (_AS_CREATED if state is _CREATED else _AS_PENDING))
                    continue
            elif state is _FILLED and order.limit is order.stop is None:
                if places is None:
                    places = self._places(first_transaction)
                place = places.get(order.id)
                if place is not None and self._follows_from(order, place):
                    self._forget(order, number, 1 + place)
                    keys.append(4 * number + _ENDED)
                    continue
            if state in OPEN_STATES:
                keys.append(4 * whole.add(order.snapshot()) + _WHOLE)
            else:  # no caller can still change it
                stored = whole.add(order)
                keys.append(4 * stored + _WHOLE)
                self._forget(order, number, -1 - stored)

    # The index of each order's last transaction, from that one on.
    def _places(self, first_transaction: int) -> dict[str | None, int]:
        ids = self.transactions.column(_ORDER_ID, first_transaction)
        return {order_id: n for n, order_id in enumerate(ids, first_transaction)}

    def note_one_filled(self, number: int, place: int) -> None:
        """Record an untagged order that was filled completely and never was an object.

        Args:
            number: Its number.
            place: Index of its transaction.
        """
        where = self._where
        missing = number - len(where)
        if missing < 0:  # a later order has ended before it
            where[number] = 1 + place
            return
        if missing:
            where.extend([0] * missing)
        where.append(1 + place)

    def note_filled(self, first: int, count: int, place: int, tags: Mapping[int, str]) -> None:
        """Record orders that were filled completely and never were objects.

        Args:
            first: Number of the first; the others follow it.
            count: Number of orders.
            place: Index of the first one's transaction; the others' follow it.
            tags: Tags by number.
        """
        where = self._where
        missing = first - len(where)
        if missing > 0:
            where.extend([0] * missing)
        places = array("q", range(1 + place, 1 + place + count))
        where[first : first + count] = places  # a later order may have ended before
        if tags:
            self._tags.update((n, tags[n]) for n in range(first, first + count) if n in tags)

    # Whether the order can be rebuilt completely from the transaction at that index.
    def _follows_from(self, order: Order, place: int) -> bool:
        if order.executions != 1 or order.restated:
            return False
        fill, amount = self.transactions[place], order.amount
        return (
            fill.amount == amount == order.filled
            and fill.amount.same_quantum(amount)
            and amount.same_quantum(order.filled)
            and order.commission == fill.commission
            and order.commission.same_quantum(fill.commission)
            and order.reason is None
            and order.broker_order_id is None
        )

    def _forget(self, order: Order, number: int, where: int) -> None:
        if self.live.pop(order.id, None) is None:
            return  # it ended in an earlier session and changed again
        known = self._where
        missing = number - len(known)
        if missing < 0:
            known[number] = where
        else:
            if missing:
                known.extend([0] * missing)
            known.append(where)
        if where > 0 and order.tag is not None:
            self._tags[number] = order.tag

    def order(self, order_id: str) -> Order | None:
        """Return an ended order; None if it is not in the archive."""
        if not order_id.isdigit():
            return None
        number = int(order_id)
        if number >= len(self._where) or not self._where[number]:
            return None
        if number not in self._opened:
            if len(self._opened) >= _KEPT_OPEN:
                self._opened.clear()
            self._opened[number] = self._made(number)
        return self._opened[number]

    def orders(self, live: Mapping[str, Order]) -> Iterator[Order]:
        """Return every order by number, including those of `live`."""
        waiting = iter(sorted(live, key=int))
        following = next(waiting, None)
        for number, where in enumerate(self._where):
            while following is not None and int(following) <= number:
                yield live[following]
                following = next(waiting, None)
            if where:
                yield self._made(number)
        if following is not None:
            yield live[following]
            yield from (live[order_id] for order_id in waiting)

    def picture(self, key: int) -> Order:
        """Return the order that a key stands for."""
        number, kind = divmod(key, 4)
        if kind == _WHOLE:
            return self._whole[number]
        if kind == _ENDED:
            return self._made(number)
        order = self._before_splits.get(number) or self.live.get(str(number))
        if order is None:
            order = self._made(number)
        state = _CREATED if kind == _AS_CREATED else _PENDING
        placed = order.created
        return Order(
            order.id,
            order.asset,
            order.amount,
            placed,
            placed,
            order.limit,
            order.stop,
            state=state,
            tag=order.tag,
        )

    def _made(self, number: int) -> Order:
        where = self._where[number]
        if where < 0:
            return self._whole[-1 - where]
        fill = self.transactions[where - 1]
        return Order(
            str(number),
            fill.asset,
            fill.amount,
            datetime_of(self._stamps_us[bisect_right(self._stamp_ids, number) - 1]),
            fill.dt,
            filled=fill.amount,
            commission=ZERO + fill.commission,
            state=_FILLED,
            executions=1,
            tag=self._tags.get(number),
        )


class OrderPictures(Sequence[Order]):
    """Snapshots of orders at a session's close, built when they are read."""

    __slots__ = ("_archive", "_keys")

    def __init__(self, archive: OrderArchive, keys: array[int] | tuple[int, ...]) -> None:
        self._archive = archive
        self._keys = keys

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, place: int) -> Order: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Order, ...]: ...
    def __getitem__(self, place: int | slice) -> Order | tuple[Order, ...]:
        if isinstance(place, slice):
            return tuple(map(self._archive.picture, self._keys[place]))
        return self._archive.picture(self._keys[place])

    def __reduce__(self) -> tuple[type, tuple[list[Order]]]:
        return tuple, (list(self),)

    def __repr__(self) -> str:
        return repr(tuple(self))


class KeptPictures:
    """Snapshots of orders at the closes of many sessions, built when they are read.

    Args:
        archive: What they are built from.
    """

    __slots__ = ("_archive", "_ends", "_keys", "_places")

    def __init__(self, archive: OrderArchive) -> None:
        self._archive = archive
        self._keys = array("q")
        self._places: list[int] = []
        self._ends: list[int] = []

    def note(
        self,
        place: int,
        touched: Iterable[tuple[TouchedKey, Order | None]],
        first_transaction: int,
    ) -> None:
        """Keep the orders that changed in the session at a place, the latest so far.

        Args:
            place: The session's.
            touched: As in `OrderArchive.add_keys`.
            first_transaction: As there.
        """
        self._archive.add_keys(self._keys, touched, first_transaction)
        self._places.append(place)
        self._ends.append(len(self._keys))

    def at(self, place: int) -> Sequence[Order]:
        """Return the snapshots of a session."""
        found = bisect_left(self._places, place)
        if found == len(self._places) or self._places[found] != place:
            return ()
        begun = self._ends[found - 1] if found else 0
        return OrderPictures(self._archive, self._keys[begun : self._ends[found]])


class RunOrders(MutableSequence[Order]):
    """Every order of a run, built when it is read.

    Args:
        archive: The ended orders.
        live: All other orders by id, as snapshots.
    """

    __slots__ = ("_archive", "_live", "_rows")

    def __init__(self, archive: OrderArchive, live: Mapping[str, Order]) -> None:
        self._archive = archive
        self._live = live
        self._rows: list[Order] | None = None

    def __len__(self) -> int:
        return len(self._archive) + len(self._live) if self._rows is None else len(self._rows)

    def __iter__(self) -> Iterator[Order]:
        return self._archive.orders(self._live) if self._rows is None else iter(self._rows)

    @overload
    def __getitem__(self, place: int) -> Order: ...
    @overload
    def __getitem__(self, place: slice) -> list[Order]: ...
    def __getitem__(self, place: int | slice) -> Order | list[Order]:
        return self._list()[place]

    @overload
    def __setitem__(self, place: int, order: Order) -> None: ...
    @overload
    def __setitem__(self, place: slice, order: Iterable[Order]) -> None: ...
    def __setitem__(self, place: int | slice, order: Any) -> None:
        self._list()[place] = order

    def __delitem__(self, place: int | slice) -> None:
        del self._list()[place]

    def insert(self, place: int, order: Order) -> None:
        """Insert an order before another."""
        self._list().insert(place, order)

    def __copy__(self) -> RunOrders:
        other = RunOrders(self._archive, self._live)
        other._rows = None if self._rows is None else list(self._rows)
        return other

    def __reduce__(self) -> tuple[type, tuple[list[Order]]]:
        return list, (list(self),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # compared by its orders

    def __repr__(self) -> str:
        return repr(list(self))

    # Picking the same order twice gives the same object.
    def _list(self) -> list[Order]:
        if self._rows is None:
            self._rows = list(self)
        return self._rows
