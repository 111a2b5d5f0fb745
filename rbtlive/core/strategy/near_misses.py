"""Callbacks whose names are misspelt: nothing would ever call them.

The rule: only a function that could be the callback counts, and only where the callback
itself is missing.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, Final

from rbtlive.errors import NoCallbacks

_LIKENESS: Final = 0.88
_CALLED: Final = {
    "initialize": "(context)",
    "before_trading_start": "(context, data)",
    "handle_data": "(context, data)",
}


def refuse_near_misses(strategy: Any, callbacks: Mapping[str, Callable[..., Any]]) -> None:
    """Refuse a strategy that defines, say, `handel_data` and no `handle_data`.

    A name that holds the callback's own (`_handle_data`, `reinitialize`) is a helper.

    Args:
        strategy: A class, an instance, a module, a mapping or any namespace.
        callbacks: Those that were found in it.

    Raises:
        NoCallbacks: a callback's name is misspelt.
    """
    missing = [name for name in _CALLED if name not in callbacks]
    for name in _functions(strategy) if missing else ():
        near = difflib.get_close_matches(name, missing, n=1, cutoff=_LIKENESS)
        if near and near[0] not in name:
            right = near[0] + _CALLED[near[0]]
            raise NoCallbacks(
                f"{name}() of the strategy would never be called: did you mean {right}? Give it "
                "another name if it is a helper"
            )


def _functions(strategy: Any) -> Iterator[str]:
    for name, value in _namespace(strategy).items():
        if isinstance(name, str) and inspect.isfunction(value) and not name.startswith("_"):
            yield name


def _namespace(strategy: Any) -> Mapping[Any, Any]:
    if isinstance(strategy, Mapping):
        return strategy
    if isinstance(strategy, ModuleType):  # what it imports is not its own
        own = strategy.__name__
        return {n: v for n, v in vars(strategy).items() if getattr(v, "__module__", "") == own}
    return {
        **vars(strategy if isinstance(strategy, type) else type(strategy)),
        **getattr(strategy, "__dict__", {}),
    }
