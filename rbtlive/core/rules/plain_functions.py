"""Check that callbacks are plain functions: a coroutine or generator would be created
at every bar and never run.

The rule: a function that is one by definition is refused before the run; a function
that returns one is refused at that call.
"""

from __future__ import annotations

import functools
import inspect
from types import AsyncGeneratorType, CoroutineType, GeneratorType

_UNRUN = (CoroutineType, GeneratorType, AsyncGeneratorType)
_DO = (
    "it would be made and never run; write a plain `def` without yield, and start other work "
    "with asyncio.create_task(...)"
)


def refuse_lazy(function: object, what: str) -> None:
    """Refuse a function whose call only creates a coroutine or a generator.

    Args:
        function: The function to be called; a partial, or an object with `__call__`, is
            judged by the function it calls.
        what: The function's name in the message.

    Raises:
        TypeError: it is a coroutine or generator function, or cannot be called.
    """
    while isinstance(function, functools.partial):
        function = function.func
    if not callable(function):
        raise TypeError(f"{what} must be a function: was {function!r:.80}")
    kind = _kind(function) or _kind(vars(type(function)).get("__call__"))
    if kind is not None:
        raise TypeError(f"{what} must be a plain function: was {kind}: {_DO}")


def refuse_unrun(result: object, what: str) -> None:
    """Refuse a callback's result that would still have to be run.

    Raises:
        TypeError: the result is a coroutine or a generator.
    """
    if not isinstance(result, _UNRUN):
        return
    kind = type(result).__name__
    if isinstance(result, (CoroutineType, GeneratorType)):
        result.close()
    raise TypeError(f"{what} returned a {kind}: {_DO}")


def _kind(function: object) -> str | None:
    if inspect.iscoroutinefunction(function):
        return "an `async def`"
    if inspect.isasyncgenfunction(function):
        return "an `async def` with yield"
    return "a generator (it has a yield)" if inspect.isgeneratorfunction(function) else None
