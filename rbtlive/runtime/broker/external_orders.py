"""Orders that others place on the run's account: named while they are few, then
counted.

The rule: a busy account must not fill the journal of a run that has nothing to do with
it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

MOST_NAMED: Final = 20
"""Orders that are written down each; of more, their number is, each time it has
doubled.
"""
_MOST_KNOWN: Final = 10_000
NAMED: Final = "ExternalOrder"
COUNTED: Final = "ExternalOrders"


class ExternalOrders:
    """Counts one account's orders of others, each once.

    Attributes:
        count: How many there were.
    """

    def __init__(self) -> None:
        self.count = 0
        self._told = MOST_NAMED
        self._known: OrderedDict[str, None] = OrderedDict()

    def take(self, client_order_id: str) -> tuple[str, dict[str, Any]] | None:
        """Take notice of an order, and return type and payload of the note to write, if
        any.
        """
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
