"""What a method that must be awaited shows while nobody awaits it.

The rule: it runs as the coroutine that it wraps; only its display differs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")


class Unstarted(Coroutine[object, None, T]):
    """A coroutine whose display says that nothing has happened yet: `session.stop()` as
    the last expression of a cell stops nothing.

    Args:
        work: The coroutine.
        call: The call as written, e.g. "session.stop()".
    """

    def __init__(self, work: Coroutine[object, None, T], call: str) -> None:
        self._work = work
        self._call = call

    def __repr__(self) -> str:
        return f"<nothing has happened yet: write await {self._call}>"

    def __await__(self) -> Generator[object, None, T]:
        return self._work.__await__()

    def send(self, value: None) -> object:
        """Run the coroutine up to its next wait."""
        return self._work.send(value)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        trace: TracebackType | None = None,
    ) -> object:
        """Raise an exception where the coroutine waits."""
        if isinstance(kind, BaseException):
            return self._work.throw(kind)
        return self._work.throw(kind, value, trace)

    def close(self) -> None:
        """End the coroutine."""
        self._work.close()


def unstarted(
    method: Callable[Concatenate[S, P], Coroutine[object, None, T]],
) -> Callable[Concatenate[S, P], Unstarted[T]]:
    """Make an async method of a session say, as long as it is not awaited, that it has
    not run.
    """

    @functools.wraps(method)
    def called(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Unstarted[T]:
        shown = "..." if args or kwargs else ""
        return Unstarted(method(self, *args, **kwargs), f"session.{method.__name__}({shown})")

    return called
