"""Orders placed elsewhere on the run's account: named while they are few, then only
counted.

The rule: a busy account must not fill the journal of an unrelated run.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

MOST_NAMED: Final = 20
"""This many orders are journaled individually; after that, only their number is
journaled, each time it doubles.
"""
_MOST_KNOWN: Final = 10_000
NAMED: Final = "ExternalOrder"
COUNTED: Final = "ExternalOrders"


class ExternalOrders:
    """Counts the orders placed elsewhere on one account, each once.

    Attributes:
        count: Number of such orders.
    """

    def __init__(self) -> None:
        self.count = 0
        self._told = MOST_NAMED
        self._known: OrderedDict[str, None] = OrderedDict()

    def take(self, client_order_id: str) -> tuple[str, dict[str, Any]] | None:
        """Count an order, and return type and payload of the note to write, if any."""
        if client_order_id in self._known:
            self._known.move_to_end(client_order_id)
            return None
        self._known[client_order_id] = None
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        self.count += 1
        if self.count <= MOST_NAMED:
            return NAMED, {"client_order_id": client_order_id}
        if self.count < 2 * self._told:
            return None
        self._told = self.count
        return COUNTED, {"count": self.count, "latest": client_order_id}
