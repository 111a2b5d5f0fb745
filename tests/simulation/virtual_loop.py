"""An event loop in which nothing waits: when nobody has anything to do, time is already
that of the next timer.

The rule: the order of what happens follows from the order of calls alone; no wall
clock, thread or socket has a say.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any

from rbtlive.runtime.clock import VirtualClock

_RESOLUTION_S = 1e-6


class NothingLeftToDoError(RuntimeError):
    """Everybody waits, and no timer is set: a real loop would hang for ever."""


class _JumpingSelector(selectors.BaseSelector):
    # Watches nothing: it turns the time that a real selector would wait into time that
    # has passed.
    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        descriptor = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, descriptor, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingLeftToDoError("every task waits for another one, and no timer is set")
        if timeout > 0:
            self._clock.advance(timeout + _RESOLUTION_S / 2)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on virtual time.

    Args:
        clock: Tells the loop's time, and is moved by it.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        super().__init__(_JumpingSelector(clock))
        self._clock_resolution = _RESOLUTION_S

    def time(self) -> float:
        """Return seconds since the clock was made."""
        return self.clock.monotonic_ns() / 1e9


def run_virtually(coroutine: Coroutine[Any, Any, Any], clock: VirtualClock) -> Any:
    """Run a coroutine on a loop of its own, in virtual time, and return what it
    returns.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(coroutine)
