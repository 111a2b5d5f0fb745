"""Find callbacks with misspelt names or another library's names, which would never be
called.

The rule: only a function that could be the callback counts, and only if the callback
itself is missing.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from rbtlive.core.strategy.nested_code import names_in
from rbtlive.errors import NoCallbacks
from rbtlive.model.other_names import by_word

_LIKENESS: Final = 0.88
_CALLED: Final = {
    "initialize": "(context)",
    "before_trading_start": "(context, data)",
    "handle_data": "(context, data)",
    "on_order_fill": "(context, order, transaction)",
    "analyze": "(context, perf)",
}
_HELPER: Final = "Give it another name if it is a helper"
_SPELT: Final = ("initialize", "before_trading_start", "handle_data")
_ELSEWHERE: Final = by_word(
    {
        "initialize": "init on_init on_start OnStart",
        "handle_data": "next on_data OnData on_bar on_bars OnBar handle_bar handle_bars on_tick "
        "on_candle on_trading_iteration generate_signals",
        "on_order_fill": "notify_order notify_trade on_fill on_order_filled on_order_event "
        "OnOrderEvent on_filled_order",
        "analyze": "on_end_of_algorithm OnEndOfAlgorithm on_stop",
    }
)


def refuse_near_misses(strategy: object, callbacks: Mapping[str, Callable[..., Any]]) -> None:
    """Refuse a strategy that defines, for example, `handel_data` but no `handle_data`.

    A name that contains the callback's own (`_handle_data`, `reinitialize`) is a
    helper.

    Args:
        strategy: A class, an instance, a module, a mapping or any namespace.
        callbacks: The callbacks found in it.

    Raises:
        NoCallbacks: a callback's name is misspelt.
    """
    missing = [name for name in _CALLED if name not in callbacks]
    functions = _functions(strategy) if missing else []
    spelt = [name for name in _SPELT if name in missing]
    for name in functions:
        near = _nearest(name, tuple(spelt))
        if near is not None and near not in name:
            raise NoCallbacks(
                f"{name}() of the strategy would never be called: did you mean "
                f"{near}{_CALLED[near]}? {_HELPER}"
            )
    foreign = {name: _ELSEWHERE[name] for name in functions if _ELSEWHERE.get(name) in missing}
    used = _names_used(strategy) if foreign else set()
    if wrong := [(name, here) for name, here in foreign.items() if name not in used]:
        raise NoCallbacks(
            f"{' and '.join(f'{name}()' for name, _ in wrong)} of the strategy would never be "
            f"called: write {' and '.join(here + _CALLED[here] for _, here in wrong)}. {_HELPER}"
        )


# Cached: the runs of a sweep ask about the same names, at a tenth of a millisecond.
@functools.lru_cache(maxsize=1_024)
def _nearest(name: str, spelt: tuple[str, ...]) -> str | None:
    near = difflib.get_close_matches(name, spelt, n=1, cutoff=_LIKENESS)
    return near[0] if near else None


def _functions(strategy: object) -> list[str]:
    return [
        name
        for name, value in _namespace(strategy).items()
        if isinstance(name, str) and inspect.isfunction(value) and not name.startswith("_")
    ]


# Every name that the strategy's functions mention, including those of its bases:
# functions that it schedules or calls are helpers.
def _names_used(strategy: object) -> set[str]:
    spaces = [_namespace(strategy)]
    if not isinstance(strategy, (Mapping, ModuleType)):
        bases = (strategy if isinstance(strategy, type) else type(strategy)).__mro__[1:]
        spaces += [vars(one) for one in bases if not one.__module__.startswith("rbtlive.")]
    functions = [v for space in spaces for v in space.values() if inspect.isfunction(v)]
    return {name for function in functions for name in names_in(function.__code__)}


def _namespace(strategy: object) -> Mapping[Any, Any]:
    if isinstance(strategy, Mapping):
        return strategy
    if isinstance(strategy, ModuleType):  # imported functions are not its own
        own = strategy.__name__
        return {n: v for n, v in vars(strategy).items() if getattr(v, "__module__", "") == own}
    return {
        **vars(strategy if isinstance(strategy, type) else type(strategy)),
        **getattr(strategy, "__dict__", {}),
    }
