"""zipline's `zipline.utils.input_validation`: decorators that check a function's
arguments.

The rule: what they accept, and the errors' classes and texts, are zipline's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

from rbtlive.model.arrays import np

__all__ = [
    "ensure_upper_case",
    "expect_bounded",
    "expect_dtypes",
    "expect_element",
    "expect_kinds",
    "expect_strictly_bounded",
    "expect_types",
    "optional",
    "optionally",
    "preprocess",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Processor = Callable[[Callable[..., object], str, object], object]
_Decorator = Callable[[Callable[_P, _T]], Callable[_P, _T]]


def preprocess(**processors: _Processor) -> _Decorator[_P, _T]:
    """Pass some arguments through functions before each call.

    Args:
        processors: By argument, a function of the decorated function, the argument's
            name and its value, which returns the value to pass.
    """

    def decorate(function: Callable[_P, _T]) -> Callable[_P, _T]:
        expected = signature(function)
        unknown = set(processors) - set(expected.parameters)
        if unknown:
            raise TypeError(f"Got processors for unknown arguments: {unknown}.")

        @wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            try:
                given = expected.bind(*args, **kwargs)
            except TypeError:
                return function(*args, **kwargs)  # which says what is missing
            given.apply_defaults()
            for name, process in processors.items():
                given.arguments[name] = process(function, name, given.arguments[name])
            return function(*given.args, **given.kwargs)

        return call

    return decorate


def _checked(
    is_good: Callable[[object], bool],
    words: str,
    shown: Callable[[object], object],
    error: type[Exception],
) -> _Processor:
    def check(function: Callable[..., object], name: str, value: object) -> object:
        if is_good(value):
            return value
        where = f"{_qualified(function)}() expected {words} for argument {name!r}"
        raise error(f"{where}, but got {shown(value)} instead.")

    return check


def _qualified(function: Callable[..., object]) -> str:
    name = getattr(function, "__qualname__", repr(function))
    module = getattr(function, "__module__", "")
    return name if module in {"", "__main__", "builtins"} else f"{module}.{name}"


def _names(values: Collection[object]) -> str:
    return " or ".join(str(getattr(one, "__name__", None) or repr(one)) for one in values)


def _type_name(value: object) -> str:
    return type(value).__name__


def expect_types(**types: type | tuple[type, ...]) -> _Decorator[_P, _T]:
    """Check the types of arguments, by name.

    Raises:
        TypeError: no type was given.
    """
    processors = {}
    for name, wanted in types.items():
        several = wanted if isinstance(wanted, tuple) else (wanted,)
        if not all(isinstance(one, type) for one in several):
            raise TypeError(
                "expect_types() expected a type or tuple of types for argument "
                f"{name!r}, but got {wanted} instead."
            )
        processors[name] = _checked(
            lambda value, several=several: isinstance(value, several),  # type: ignore[misc]
            f"a value of type {_names(several)}",
            _type_name,
            TypeError,
        )
    return preprocess(**processors)


def optional(wanted: type | tuple[type, ...]) -> tuple[type, ...]:
    """Return the type or types, and None's, for `expect_types`."""
    return (*(wanted if isinstance(wanted, tuple) else (wanted,)), type(None))


def optionally(processor: _Processor) -> _Processor:
    """Return a processor that leaves None alone."""

    def process(function: Callable[..., object], name: str, value: object) -> object:
        return None if value is None else processor(function, name, value)

    return process


def ensure_upper_case(function: Callable[..., object], name: str, value: object) -> str:
    """Return a text in capitals.

    Raises:
        TypeError: it is not a text.
    """
    if isinstance(value, str):
        return value.upper()
    raise TypeError(
        f"{_qualified(function)}() expected argument {name!r} to be a string, but got {value} "
        "instead."
    )


def expect_element(**collections: Collection[object]) -> _Decorator[_P, _T]:
    """Check that arguments are among some values, by name."""
    return preprocess(
        **{
            name: _checked(
                lambda value, values=values: value in values,  # type: ignore[misc]
                f"a value in {sorted(values) if isinstance(values, (set, frozenset)) else values}",
                repr,
                ValueError,
            )
            for name, values in collections.items()
        }
    )


def expect_bounded(**bounds: tuple[float | None, float | None]) -> _Decorator[_P, _T]:
    """Check that arguments lie between two bounds, included; None is no bound."""
    return _bounded(bounds, strictly=False)


def expect_strictly_bounded(**bounds: tuple[float | None, float | None]) -> _Decorator[_P, _T]:
    """Check that arguments lie between two bounds, excluded; None is no bound."""
    return _bounded(bounds, strictly=True)


def _bounded(
    bounds: dict[str, tuple[float | None, float | None]], *, strictly: bool
) -> _Decorator[_P, _T]:
    processors = {}
    for name, pair in bounds.items():
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(
                f"expect_bounded() expected a tuple of bounds for argument {name!r}, but got "
                f"{pair} instead."
            )
        processors[name] = _checked(
            _within(pair, strictly=strictly), _between(pair, strictly=strictly), repr, ValueError
        )
    return preprocess(**processors)


def _within(pair: tuple[float | None, float | None], *, strictly: bool) -> Callable[[object], bool]:
    low, high = (-np.inf if pair[0] is None else pair[0]), (np.inf if pair[1] is None else pair[1])

    def is_within(value: object) -> bool:
        if strictly:
            return bool(low < value < high)  # type: ignore[operator]
        return bool(low <= value <= high)  # type: ignore[operator]

    return is_within


def _between(pair: tuple[float | None, float | None], *, strictly: bool) -> str:
    low, high = pair
    if low is not None and high is not None:
        return f"a value {'exclusively' if strictly else 'inclusively'} between {low} and {high}"
    if strictly:
        return f"a value strictly {'less' if low is None else 'greater'} than {high or low}"
    if low is None:
        return f"a value less than or equal to {high}"
    return f"a value greater than or equal to {low}"


def expect_kinds(**kinds: str | tuple[str, ...]) -> _Decorator[_P, _T]:
    """Check the kinds of NumPy types of arguments, such as "f" or ("i", "u")."""
    processors = {}
    for name, wanted in kinds.items():
        several = (wanted,) if isinstance(wanted, str) else wanted
        processors[name] = _checked(
            lambda value, several=several: _kind(value) in several,  # type: ignore[misc]
            f"a numpy object of kind {' or '.join(map(repr, several))}",
            lambda value: repr(_kind(value)),
            TypeError,
        )
    return preprocess(**processors)


def _kind(value: object) -> object:
    return getattr(getattr(value, "dtype", None), "kind", None)


def expect_dtypes(**dtypes: np.dtype | tuple[np.dtype, ...]) -> _Decorator[_P, _T]:
    """Check the NumPy types of arguments, by name."""
    processors = {}
    for name, wanted in dtypes.items():
        several = wanted if isinstance(wanted, tuple) else (wanted,)
        processors[name] = _checked(
            lambda value, several=several: getattr(value, "dtype", None) in several,  # type: ignore[misc]
            f"a value with dtype {' or '.join(repr(one.name) for one in several)}",
            _dtype_shown,
            TypeError,
        )
    return preprocess(**processors)


def _dtype_shown(value: object) -> str:
    found = getattr(value, "dtype", None)
    return repr(_type_name(value) if found is None else found.name)
