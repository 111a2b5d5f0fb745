"""The orders that changed in a session, the latest change last.

The rule: orders that are not objects may be stored together as a range of numbers,
until a caller asks for one of them.
"""

from __future__ import annotations

from typing import TypeAlias

from rbtlive.core.state.order import Order

TouchedKey: TypeAlias = str | range


class TouchedOrders(dict[TouchedKey, "Order | None"]):
    """Orders by id; the value is None for an order that is not an object; a range as
    key, also with None, stands for the orders with these numbers.
    """

    __slots__ = ("_ranges",)

    def __init__(self) -> None:
        super().__init__()
        self._ranges: list[range] = []

    def note_range(self, numbers: range) -> None:
        """Mark orders with these numbers as the last that changed; none of them is an
        object yet.
        """
        if numbers in self:
            del self[numbers]
            self._ranges.remove(numbers)
        elif self:
            first, past = numbers[0], numbers[-1] + 1
            if any(known.start < past and first < known.stop for known in self._ranges):
                self.name_each()
            for number in numbers if len(self) > len(self._ranges) else ():
                self.pop(str(number), None)
        self._put(numbers)

    def forget(self, order_id: str) -> None:
        """Forget that an order changed."""
        self.single_out(order_id)
        self.pop(order_id, None)

    def put_last(self, order_id: str, order: Order | None) -> None:
        """Mark an order as the last that changed."""
        if self._ranges:
            self.forget(order_id)
        elif order_id in self:
            del self[order_id]
        self[order_id] = order

    def put_all_last(self, changed: dict[str, Order]) -> None:
        """Mark orders as the last that changed, in turn; `changed` is empty then."""
        for order_id, order in changed.items():
            self.put_last(order_id, order)
        changed.clear()

    def single_out(self, order_id: str) -> None:
        """Let an order of a range stand by itself."""
        if not self._ranges:
            return
        number = int(order_id)
        for numbers in self._ranges:
            if number in numbers:
                break
        else:
            return
        known = dict(self)
        self.clear()
        for key, order in known.items():
            if key == numbers:
                self._put(range(numbers.start, number))
                self[order_id] = None
                self._put(range(number + 1, numbers.stop))
            elif isinstance(key, range):
                self._put(key)
            else:
                self[key] = order

    def _put(self, numbers: range) -> None:
        if len(numbers) > 1:
            self[numbers] = None
            self._ranges.append(numbers)
        elif numbers:
            self[str(numbers[0])] = None

    def name_each(self) -> None:
        """Give each order of a range an entry of its own."""
        if not self._ranges:
            return
        known = dict(self)
        self.clear()
        for key, order in known.items():
            if isinstance(key, range):
                self.update(dict.fromkeys(map(str, key)))
            else:
                self[key] = order

    def clear(self) -> None:
        """Forget all."""
        _clear(self)
        if self._ranges:
            self._ranges.clear()


_clear = dict.clear  # `super` takes as long again


def objects_of(touched: TouchedOrders) -> list[Order]:
    """Return the orders that are objects."""
    return [order for order in touched.values() if order is not None]
