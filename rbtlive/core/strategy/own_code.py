"""Code of a run's own: reloading a module rewrites its functions and classes where they
are, under whatever runs.

The rule: what a run was begun with stays as it is. A class that a finished run gives
back unchanged serves the next run of the same code: to make one takes as long as a
short run, and only a garbage collection frees it.
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
    """A class that does what another one did when this was made.

    Attributes:
        made: The class.
        source: Everything it was made of.
        content: What it held when it was made.
    """

    made: Any
    source: tuple[Any, ...]
    content: tuple[Any, ...]

    def give_back(self) -> None:
        """Let later runs of the same code have the class: nobody uses it any more."""
        cls = self.made.__base__
        spares = vars(cls).get(_SPARE)
        if spares is None:
            spares = _Spares()
            type.__setattr__(cls, _SPARE, spares)
        if len(spares) < _MOST and _same(self.content, _content(self.made)):
            spares.append(self)


class _Spares(list[OwnClass]):
    """Classes that were given back; a copy of the class they were made of has none."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Spares, ()


def class_of_its_own(cls: type) -> OwnClass:
    """Return a class that does what `cls` does now, whatever becomes of that."""
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
    """Return a function of the same code; anything else as it is."""
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
