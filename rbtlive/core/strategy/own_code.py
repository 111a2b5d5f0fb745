"""A run's own copy of its strategy's code: reloading a module rewrites functions and
classes in place, even while a run uses them.

The rule: the code that a run started with does not change. A class that a finished run
returns unchanged serves the next run of the same code: creating one takes as long as a
short run, and only garbage collection frees it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import update_wrapper
from operator import is_
from types import FunctionType
from typing import Any, Final, NamedTuple

from rbtlive.core.strategy.context import TradingAlgorithm

_SPARE: Final = "__rbtlive_spare__"
_MOST: Final = 8


class OwnClass(NamedTuple):
    """A copy of a class as it was when the copy was made.

    Attributes:
        made: The copy.
        source: Everything it was made from.
        content: Its attributes when it was made.
    """

    made: Any
    source: tuple[Any, ...]
    content: tuple[Any, ...]

    def give_back(self) -> None:
        """Let later runs of the same code reuse the class, which this run no longer
        uses.
        """
        cls = self.made.__base__
        spares = vars(cls).get(_SPARE)
        if spares is None:
            spares = _Spares()
            type.__setattr__(cls, _SPARE, spares)
        if len(spares) < _MOST and _same(self.content, _content(self.made)):
            spares.append(self)


class _Spares(list[OwnClass]):
    """Returned class copies; a copy of the original class has none."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Spares, ()


def class_of_its_own(cls: type) -> OwnClass:
    """Return a copy of `cls` that keeps its present behaviour, whatever later happens
    to `cls`.
    """
    source = tuple(_source(cls))
    spares = vars(cls).get(_SPARE)
    while spares:
        spare: OwnClass = spares.pop()
        if _same(spare.source, source) and _same(spare.content, _content(spare.made)):
            return spare
    names: dict[str, Any] = {
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
    }
    for owner in _owners(cls):
        names |= {
            name: copied(value) for name, value in vars(owner).items() if not name.startswith("__")
        }
    made = type(cls)(cls.__name__, (cls,), names)
    return OwnClass(made, source, _content(made))


def copied(value: object) -> Any:
    """Return a function with the same code; any other value unchanged."""
    if not inspect.isfunction(value):
        return value
    made = FunctionType(
        value.__code__, value.__globals__, value.__name__, value.__defaults__, value.__closure__
    )
    made.__kwdefaults__ = value.__kwdefaults__
    return update_wrapper(made, value)


def _owners(cls: type) -> Iterator[type]:
    return (owner for owner in reversed(cls.__mro__) if owner not in TradingAlgorithm.__mro__)


def _source(cls: type) -> Iterator[Any]:
    for owner in _owners(cls):
        for name, value in vars(owner).items():
            if name == _SPARE:
                continue
            yield name
            yield value
            if isinstance(value, FunctionType):
                yield value.__code__
                yield value.__defaults__
                yield value.__kwdefaults__


def _content(made: type) -> tuple[Any, ...]:
    return tuple(part for item in vars(made).items() for part in item)


def _same(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    return len(left) == len(right) and all(map(is_, left, right))
