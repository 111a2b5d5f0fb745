"""Reports of refused orders: each kind once, with a count.

The rule: repeated refusals for the same reason are counted and summed up, so that a
strategy that is refused at every bar neither fills the log nor goes unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from rbtlive.model.order_facts import OrderState

if TYPE_CHECKING:
    from rbtlive.core.state.order import Order
    from rbtlive.runtime.engine.live_run import LiveRun

MOST_KINDS = 100
"""Kinds that are counted separately; all others count as one more."""
_MOST_SYMBOLS = 10
_MOST_REASON = 500
_OTHERS = "other reasons"
# Numbers, dates and ids differ between orders but not between reasons.
_NUMBERS = re.compile(r"[+-]?\d[\d.,:_/-]*(?:[eE][+-]?\d+)?|\b[0-9a-fA-F-]{12,}\b")
_VERBS = {
    OrderState.DENIED: "denied",
    OrderState.REJECTED: "refused by the broker",
    OrderState.EXPIRED: "expired",
}


@dataclass(slots=True)
class _Kind:
    verb: str
    reason: str
    count: int = 0
    reported: int = 0
    symbols: dict[str, None] = field(default_factory=dict)


class RefusedOrders:
    """Counts one run's refused orders by reason.

    Args:
        run: The run.
    """

    def __init__(self, run: LiveRun) -> None:
        self._run = run
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._denied_seen = 0
        self._ended: list[Order] = []
        self._sessions = 0
        self.total = 0

    def begin(self) -> None:
        """Count from here on: earlier refusals have been reported already."""
        state = self._run.core.state
        self._denied_seen = len(state.orders.denied)
        self._sessions = len(state.record.sessions)

    def open_order(self, order_id: str) -> Order | None:
        """Return an order if a venue can still end it: a stream and a query may both
        report its end.
        """
        order = self._run.core.state.orders.get_order(order_id)
        return order if order is not None and order.is_open else None

    def note_ended(self, order: Order) -> None:
        """Check an order that was open and that a venue may have just ended."""
        if order.state in {OrderState.REJECTED, OrderState.EXPIRED}:
            self._ended.append(order)

    def look(self) -> None:
        """Report kinds that are new since the last look, and at a session's close those
        that recurred; cheap if nothing was refused.
        """
        state = self._run.core.state
        denied = state.orders.denied
        fresh = len(denied) - self._denied_seen
        if fresh or self._ended:
            self._denied_seen = len(denied)
            latest = [*islice(reversed(denied.values()), max(0, fresh))]
            ended, self._ended = self._ended, []
            self._tell_new([*reversed(latest), *ended])
        if len(state.record.sessions) != self._sessions:
            self._sessions = len(state.record.sessions)
            self._sum_up(at_the_end=False)

    def conclude(self) -> None:
        """Report everything not reported yet: the session ends."""
        self.look()
        self._sum_up(at_the_end=True)

    def _tell_new(self, orders: list[Order]) -> None:
        for kind, order in self._counted(orders):
            what = f"order {order.id}: {order.amount.normalize():f} {order.asset.symbol}"
            if kind.count == 1:
                text = f"1 order {kind.verb}, {kind.reason} ({what})"
            else:
                text = f"{kind.count} orders {kind.verb}, {kind.reason} (the first is {what})"
            self._run.on_message("warning", text)
            kind.reported = kind.count

    def _counted(self, orders: list[Order]) -> Iterator[tuple[_Kind, Order]]:
        # The new kinds, each with its first order, after all orders are counted.
        first: list[tuple[_Kind, Order]] = []
        for order in orders:
            kind = self._kind_of(order)
            if kind.count == 0:
                first.append((kind, order))
            kind.count += 1
            self.total += 1
            if len(kind.symbols) < _MOST_SYMBOLS:
                kind.symbols[order.asset.symbol] = None
        yield from first

    def _kind_of(self, order: Order) -> _Kind:
        reason = str(order.reason or "no reason was given")[:_MOST_REASON]
        verb = _VERBS[order.state]
        key = (verb, _NUMBERS.sub("#", reason))
        if key not in self._kinds and len(self._kinds) >= MOST_KINDS:
            key, reason = (verb, _OTHERS), _OTHERS
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _Kind(verb, reason)
        kind.reason = reason  # the latest reason has the latest numbers
        return kind

    # A kind is reported again once its count has doubled, and at the end.
    def _sum_up(self, *, at_the_end: bool) -> None:
        for kind in self._kinds.values():
            if kind.count > kind.reported and (at_the_end or kind.count >= 2 * kind.reported):
                more = ", ..." if len(kind.symbols) == _MOST_SYMBOLS else ""
                where = ", ".join(kind.symbols) + more
                text = f"{kind.count} orders {kind.verb} so far, {kind.reason} ({where})"
                self._run.on_message("warning", text)
                kind.reported = kind.count
