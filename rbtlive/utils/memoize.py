"""zipline's `zipline.utils.memoize`: values that are computed once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Generic, NoReturn, ParamSpec, TypeVar, overload
from weakref import WeakKeyDictionary

__all__ = ["classlazyval", "lazyval", "remember_last"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class lazyval(Generic[_T]):  # noqa: N801 - zipline's name
    """An attribute that is computed when it is first read, and cannot be set.

    Args:
        function: Computes it from the instance.
    """

    def __init__(self, function: Callable[..., _T]) -> None:
        self._function = function
        self._known: WeakKeyDictionary[object, _T] = WeakKeyDictionary()

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> lazyval[_T]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> _T: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> lazyval[_T] | _T:
        if instance is None:
            return self
        return self._value(instance)

    def _value(self, instance: object) -> _T:
        if instance not in self._known:
            self._known[instance] = self._function(instance)
        return self._known[instance]

    def __set__(self, instance: object, value: object) -> NoReturn:
        raise AttributeError("Can't set read-only attribute.")

    def __delitem__(self, instance: object) -> None:
        del self._known[instance]


class classlazyval(lazyval[_T]):  # noqa: N801 - zipline's name
    """An attribute of a class that is computed when it is first read."""

    def __get__(self, instance: object | None, owner: type | None = None) -> _T:  # type: ignore[override]
        return self._value(owner)


def remember_last(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Keep the result of the last call, and return it if the arguments are the same."""
    known = lru_cache(maxsize=1)(function)

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        return known(*args, **kwargs)  # type: ignore[arg-type]

    return call
