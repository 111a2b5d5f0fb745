"""zipline's older class form: `initialize(self, *args, **kwargs)` and
`handle_data(self, data)`, where the algorithm itself is the context.

The rule: the form is recognized by `handle_data`, or without one by `initialize`; each
callback is then called in that form.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

_WITH_DATA: Final = ("handle_data", "before_trading_start", "analyze")
_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def is_ziplines_class(callbacks: Mapping[str, Callable[..., Any]]) -> bool:
    """Say whether bound callbacks take no context."""
    for name in _WITH_DATA:
        if name in callbacks and (count := _required(callbacks[name])) is not None:
            return count == 1
    initialize = callbacks.get("initialize")
    if initialize is None:
        return False
    first = next(iter(inspect.signature(initialize).parameters.values()), None)
    return first is None or (
        first.name not in ("context", "ctx", "_", "__") and first.default is not first.empty
    )


# How many positional arguments a callback requires; None if it accepts any number.
def _required(function: Callable[..., Any]) -> int | None:
    parameters = inspect.signature(function).parameters.values()
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return None
    return sum(one.kind in _POSITIONAL and one.default is one.empty for one in parameters)


def with_context(callbacks: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Return callbacks that take a context and pass on the arguments of this form."""
    adapted: dict[str, Callable[..., Any]] = {}
    for name, function in callbacks.items():
        if name == "initialize" or (name in _WITH_DATA and _required(function) == 1):
            adapted[name] = _leave_out_context(function)
        else:
            adapted[name] = function
    return adapted


def _leave_out_context(function: Callable[..., Any]) -> Callable[..., Any]:
    def called(context: object, *args: object, **kwargs: object) -> Any:
        del context
        return function(*args, **kwargs)

    called.__name__ = function.__name__
    called.__wrapped__ = function  # type: ignore[attr-defined]
    return called
