"""The user's callbacks: called, survived if need be, and told of their orders in the
order things happened.

The rule: an exception of a callback ends the run or is kept and counted, by one
setting; it never changes what was booked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rbtlive.core.order import Order
from rbtlive.core.views import OrderView
from rbtlive.errors import HistoryWindowStartsBeforeData, TooManyErrors

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore

KEPT_FAILURES = 100
BROKER_SOURCE = "broker "
"""Begins the source of a system error that is a message of a real broker."""
HOOKS = (
    "on_order_fill",
    "on_order_cancel",
    "on_order_reject",
    "on_broker_message",
    "on_position_adjustment",
)


def told(failure: BaseException) -> str:
    """Return an exception's class and text; a user's own may even fail to print."""
    try:
        text = str(failure)
    except Exception as unprintable:  # noqa: BLE001 - around a user's code
        text = f"(its text cannot be shown: {type(unprintable).__name__})"
    return f"{type(failure).__name__}: {text}" if text else type(failure).__name__


class Callbacks:
    """Calls one strategy's callbacks.

    Attributes:
        failures: The latest exceptions that were survived.
        failure_count: How many there were.
        failures_in_row: How many since the last callback that did not fail.
        waiting: Notices not delivered yet: the hook's name and what it gets.
    """

    __slots__ = ("_core", "_hooks", "failure_count", "failures", "failures_in_row", "waiting")

    def __init__(self, core: TradingCore) -> None:
        self._core = core
        self._hooks = {name: core.strategy.callback(name) for name in HOOKS}
        self.failures: deque[BaseException] = deque(maxlen=KEPT_FAILURES)
        self.failure_count = 0
        self.failures_in_row = 0
        self.waiting: deque[tuple[str, tuple[Any, ...]]] = deque()

    def hook(self, name: str) -> Callable[..., Any] | None:
        """Return the strategy's optional hook of that name, or None."""
        return self._hooks[name]

    def call(self, callback: Callable[..., Any], *args: Any) -> None:
        """Call a callback, then deliver what it gave rise to."""
        try:
            callback(*args)
        except Exception as failure:  # noqa: BLE001 - around a user's callback
            self.survive(failure)
        else:
            self.failures_in_row = 0
        self._core.keep_decimals()
        if self.waiting:
            self.deliver()

    def survive(self, failure: Exception) -> None:
        """End the run by `failure`, or keep it and go on: what on_error asks for.

        Raises:
            Exception: `failure` itself, with on_error="raise".
        """
        core = self._core
        if core.settings.on_error == "raise":
            raise failure
        self.failures.append(failure)
        self.failure_count += 1
        core.on_message("error", f"a callback failed at {core.now}: {told(failure)}")
        if isinstance(failure, HistoryWindowStartsBeforeData):
            return  # the bars that it waits for will come
        self.failures_in_row += 1
        if self.failures_in_row == core.settings.max_errors:
            text = f"{self.failures_in_row} callbacks in a row failed"
            self.failures.append(TooManyErrors(f"{text}: trading is halted until resume()"))
            core.halt(text)

    def notice(self, hook: str, order: Order, *args: Any) -> None:
        """Note something about an order for the strategy's hook, if it has one."""
        if self._hooks[hook] is not None:
            self.waiting.append((hook, (OrderView(order, self._core.frames), *args)))

    def deliver(self) -> None:
        """Call the hooks of what was noted, in the order it happened; a paused run
        hears nothing.
        """
        while self.waiting:
            hook, args = self.waiting.popleft()
            callback = self._hooks[hook]
            if callback is not None and not self._core.paused:
                self.call(callback, self._core.context, *args)
