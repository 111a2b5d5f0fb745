"""The orders that changed in a session, the latest change last.

The rule: orders that are no objects may stand there together, as numbers in a row,
until somebody asks for one of them.
"""

from __future__ import annotations

from typing import TypeAlias

from rbtlive.core.state.order import Order

TouchedKey: TypeAlias = str | range


class TouchedOrders(dict[TouchedKey, "Order | None"]):
    """Orders by id; None for one that is no object; a range, None too, stands for the
    orders of these numbers.
    """

    __slots__ = ("_ranges",)

    def __init__(self) -> None:
        super().__init__()
        self._ranges: list[range] = []

    def note_range(self, numbers: range) -> None:
        """Count orders of these numbers, none of which is an object, as the last that
        changed.
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
        if len(numbers) > 1:
            self[numbers] = None
            self._ranges.append(numbers)
        else:
            self[str(numbers[0])] = None

    def forget(self, order_id: str) -> None:
        """Forget that an order changed."""
        if self._ranges and any(int(order_id) in numbers for numbers in self._ranges):
            self.name_each()
        self.pop(order_id, None)

    def put_last(self, order_id: str, order: Order | None) -> None:
        """Count an order as the last that changed."""
        if self._ranges:
            self.forget(order_id)
        elif order_id in self:
            del self[order_id]
        self[order_id] = order

    def name_each(self) -> None:
        """Let each order of a range stand by itself."""
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
        super().clear()
        self._ranges.clear()


def objects_of(touched: TouchedOrders) -> list[Order]:
    """Return those that are objects."""
    return [order for order in touched.values() if order is not None]
