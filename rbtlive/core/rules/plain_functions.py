"""Callbacks are plain functions: a coroutine or a generator would be made at every bar
and never run.

The rule: what is one by its definition is refused before the run; what returns one is
refused when it does.
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
    """Refuse a function that only makes a coroutine or a generator when it is called.

    Args:
        function: What is to be called; a partial, or an object with `__call__`, is
            judged by what it calls.
        what: What to call it.

    Raises:
        TypeError: it is one, or cannot be called.
    """
    while isinstance(function, functools.partial):
        function = function.func
    if not callable(function):
        raise TypeError(f"{what} must be a function: was {function!r:.80}")
    kind = _kind(function) or _kind(vars(type(function)).get("__call__"))
    if kind is not None:
        raise TypeError(f"{what} must be a plain function: was {kind}: {_DO}")


def refuse_unrun(result: object, what: str) -> None:
    """Refuse what a callback returned if it still had to be run.

    Raises:
        TypeError: it had.
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
