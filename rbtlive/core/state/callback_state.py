"""The strategy's callbacks, their arguments, and their failures.

The rule: it only stores; `actions.callbacks` makes the calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

KEPT_FAILURES = 100
HOOKS = (
    "on_order_fill",
    "on_order_cancel",
    "on_order_reject",
    "on_broker_message",
    "on_position_adjustment",
)
Callback = Callable[..., Any]


def _as_it_is(function: Callback) -> Callback:
    return function


@dataclass(slots=True, eq=False)
class CallbackState:
    """A strategy's callbacks and the failures of their calls.

    Attributes:
        context: First argument of every callback.
        handle_data: Called at every bar, or None.
        before_trading_start: Called once a session, or None.
        hooks: The optional `on_...` callbacks by name; None if not defined.
        failures: The latest exceptions that did not end the run.
        failure_count: Number of such exceptions.
        failing: Consecutive failures of each callback, by name. A success resets only
            that callback's count.
        waiting: Notices not delivered yet: the hook's name and its arguments.
        bound: Binds a function of the strategy to its `self`, if it is a method.
        begins_later: Whether a window that begins before the data ends the run, so that
            it can restart where the window fits.
    """

    context: Any = None
    handle_data: Callback | None = None
    before_trading_start: Callback | None = None
    hooks: dict[str, Callback | None] = field(default_factory=lambda: dict.fromkeys(HOOKS))
    failures: deque[BaseException] = field(default_factory=lambda: deque(maxlen=KEPT_FAILURES))
    failure_count: int = 0
    failing: dict[str, int] = field(default_factory=dict)
    waiting: deque[tuple[str, tuple[Any, ...]]] = field(default_factory=deque)
    bound: Callable[[Callback], Callback] = _as_it_is
    begins_later: bool = False

    def release(self) -> None:
        """Forget the strategy: nothing is called any more."""
        self.context, self.bound = None, _as_it_is
        self.handle_data = self.before_trading_start = None
        self.hooks = dict.fromkeys(HOOKS)
        self.waiting.clear()

    def bind(
        self,
        callback_of: Callable[[str], Callback | None],
        bound: Callable[[Callback], Callback],
        context: object,
    ) -> None:
        """Store a strategy's callbacks by name, and its function that binds methods."""
        self.context, self.bound = context, bound
        self.handle_data = callback_of("handle_data")
        self.before_trading_start = callback_of("before_trading_start")
        self.hooks = {name: callback_of(name) for name in HOOKS}
