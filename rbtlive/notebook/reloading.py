"""Detect strategies in modules whose file differs from the loaded code.

The rule: it checks and reports; it never reloads anything.
"""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from rbtlive.core.strategy.context import TradingAlgorithm
from rbtlive.core.strategy.strategy_executor import CALLBACKS, strategy_name
from rbtlive.model.calls import warn_user


def warn_of_unread_edits(strategy: object) -> None:
    """Warn if a strategy's file was edited after Python read it, so that the running
    code is not the visible one.
    """
    functions: dict[str, list[FunctionType]] = {}
    for function in _functions_of(strategy):
        path = _path_of(function)
        if path is not None:
            functions.setdefault(path, []).append(function)
    for path, read in functions.items():
        stale = _stale(path, read)
        if stale:
            warn_user(
                f"{Path(path).name} was edited since Python read it: {stale} of "
                f"{strategy_name(strategy)!r} is still the old "
                "code; reload the module, e.g. by %autoreload 2, and attach again",
                RuntimeWarning,
            )


def _functions_of(strategy: object) -> Iterator[FunctionType]:
    values: Iterable[Any]
    if isinstance(strategy, (type, TradingAlgorithm)):
        owners = (strategy if isinstance(strategy, type) else type(strategy)).__mro__
        values = (
            value for o in owners if o not in TradingAlgorithm.__mro__ for value in vars(o).values()
        )
    elif isinstance(strategy, ModuleType):
        values = vars(strategy).values()
    elif isinstance(strategy, Mapping):
        values = (strategy.get(name) for name in CALLBACKS)
    else:
        values = (getattr(strategy, name, None) for name in CALLBACKS)
    for value in values:
        if inspect.isfunction(value):
            yield inspect.unwrap(value)


# The file from which a function was read unchanged: not one that was typed, generated,
# or rewritten on import.
def _path_of(function: FunctionType) -> str | None:
    module = sys.modules.get(function.__module__)
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    path = getattr(module, "__file__", None)
    return (
        path if type(loader) is SourceFileLoader and path == function.__code__.co_filename else None
    )


def _stale(path: str, functions: Iterable[FunctionType]) -> str:
    try:
        age = Path(path).stat()
    except OSError:
        return ""  # no edit is visible
    try:
        written = _written(path, age.st_mtime_ns, age.st_size)
    except SyntaxError as error:
        return f"line {error.lineno} is not valid Python, and everything"
    for function in functions:
        codes = written.get(function.__qualname__, ())
        if not any(_alike(function.__code__, code) for code in codes):
            return f"{function.__qualname__}()"
    return ""


@lru_cache(maxsize=32)
def _written(path: str, _mtime_ns: int, _size: int) -> dict[str, list[CodeType]]:
    linecache.checkcache(path)
    written: dict[str, list[CodeType]] = {}
    _note_all(compile("".join(linecache.getlines(path)), path, "exec", dont_inherit=True), written)
    return written


def _note_all(code: CodeType, written: dict[str, list[CodeType]]) -> None:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            written.setdefault(constant.co_qualname, []).append(constant)
            _note_all(constant, written)


def _alike(one: CodeType, other: CodeType) -> bool:
    # Line numbers may differ, because lines above may have been added.
    shape = (one.co_code, one.co_names, one.co_varnames, len(one.co_consts))
    if shape != (other.co_code, other.co_names, other.co_varnames, len(other.co_consts)):
        return False
    return all(
        _alike(a, b)
        if isinstance(a, CodeType) and isinstance(b, CodeType)
        else (type(a), a) == (type(b), b)
        for a, b in zip(one.co_consts, other.co_consts, strict=True)
    )
