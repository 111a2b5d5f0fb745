"""Open a source of bars, each time it is needed.

The rule: a function that opens nothing is a programming error, not a drop: it is
reported at once, and not called again and again.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, TypeAlias

from rbtlive.errors import FeedError
from rbtlive.model.calls import takes

Connect: TypeAlias = Callable[[frozenset[str] | None], AsyncIterable[object]]


class NoStreamError(FeedError):
    """A function that should open a feed returned another object."""


def as_connect(function: Callable[..., Any]) -> Connect:
    """Return a function that opens a source for given symbols; a function without
    parameters opens it for all.

    Raises:
        FeedError: the function needs other arguments.
    """
    if takes(function, None):
        return function
    if takes(function):
        return lambda _symbols: function()
    name = getattr(function, "__name__", type(function).__name__)
    raise FeedError(
        "the function that opens a feed is called as function(symbols): was "
        f"{name}{inspect.signature(function)}; give it one parameter, or none"
    )


class Opening:
    """A source that is opened in its reader's task, so that a failure to open counts as
    a drop.

    Args:
        connect: The function that opens it.
        symbols: The symbols to read; None is all.
    """

    def __init__(self, connect: Connect, symbols: frozenset[str] | None) -> None:
        self._connect = connect
        self._symbols = symbols

    async def __aiter__(self) -> AsyncIterator[object]:
        stream = self._connect(self._symbols)
        if not isinstance(stream, AsyncIterable):
            if inspect.iscoroutine(stream):
                stream.close()
            raise NoStreamError(
                "the function that opens a feed must return an async iterator of bars: returned "
                f"{type(stream).__name__}; write it as `async def` with yield"
            )
        try:
            async for item in stream:
                yield item
        finally:
            await close(stream)


async def close(stream: object) -> None:
    """Close an iterator, if it can be closed."""
    end = getattr(stream, "aclose", None)
    if end is not None:
        await end()
