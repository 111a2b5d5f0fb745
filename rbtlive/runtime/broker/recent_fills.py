"""Executions that were booked a moment ago, and that a broker's other answers may not
show yet.

The rule: a broker's lists are not of one moment. A difference that recent executions
explain exactly is looked at again before it counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from rbtlive.model.number import ZERO
from rbtlive.runtime.broker.reconciliation import Mismatch
from rbtlive.runtime.clock import Clock

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore
    from rbtlive.model.order_facts import Transaction

PATIENCE_LOOKS: Final = 3
"""For so many intervals between looks, an answer may lag behind an earlier one."""


class RecentFills:
    """Remembers when executions were first seen in the books.

    Args:
        core: Returns the core.
        clock: Provides elapsed time.
        patience_s: For how many seconds an execution is recent.
    """

    def __init__(self, core: Callable[[], TradingCore], clock: Clock, patience_s: float) -> None:
        self._core = core
        self._patience_s = patience_s
        self._clock = clock
        self._known: int | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def look(self) -> Sequence[Transaction]:
        """Return the recent executions, oldest first. Those from before the first look
        are not recent.
        """
        done, now_s = self._core().state.record.transactions, self._clock.monotonic_ns() / 1e9
        if self._known is None or len(done) < self._known:
            self._seen.clear()
        elif len(done) > self._known:
            self._seen.append((now_s, self._known))
        self._known = len(done)
        while self._seen and now_s - self._seen[0][0] >= self._patience_s:
            self._seen.popleft()
        return done[self._seen[0][1] :] if self._seen else ()

    def explain(self, one: Mismatch) -> bool:
        """Say whether a position lacks exactly the latest executions."""
        missing = ZERO
        for done in reversed(self.look()):
            if done.asset.symbol == one.symbol:
                missing += done.amount
                if one.gap == -missing:
                    return True
        return False
