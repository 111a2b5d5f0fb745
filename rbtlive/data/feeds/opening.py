"""Opens a source of bars, each time it is needed.

The rule: a function that opens none is a mistake of the program, not a drop: it is
named at once, and not called again and again.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, TypeAlias

from rbtlive.errors import FeedError
from rbtlive.model.calls import takes

Connect: TypeAlias = Callable[[frozenset[str] | None], AsyncIterable[object]]


class NoStreamError(FeedError):
    """A function that should open a feed returned something else."""


def as_connect(function: Callable[..., Any]) -> Connect:
    """Return what opens a source for the symbols it is given; a function without
    parameters opens it for all.

    Raises:
        FeedError: it needs other arguments.
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
    """A source that is opened in the task of its reader, so that a failure to
    open counts as a drop.

    Args:
        connect: Opens it.
        symbols: What is to be read; None is all.
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
    """Close an iterator that can be closed."""
    end = getattr(stream, "aclose", None)
    if end is not None:
        await end()
