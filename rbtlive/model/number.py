"""The number type that strategies see, and the only conversion of floats to
decimals.

The rule: a float is converted by its shortest decimal text (`0.1` is one tenth), and
results stay decimal.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from operator import ge, gt, le, lt
from operator import index as as_index
from typing import Any, SupportsFloat, TypeAlias, cast

from rbtlive.errors import AmountTooLarge
from rbtlive.model.arrays import np


class EngineContext(decimal.Context):
    """The decimal context of core and callbacks: a strategy's changes to it have no
    effect.

    To use another precision for your own numbers, use `decimal.localcontext()`, which
    works on a copy.
    """

    def __init__(self) -> None:
        super().__init__(
            prec=38,
            rounding=decimal.ROUND_HALF_EVEN,
            traps=[decimal.DivisionByZero, decimal.Overflow, decimal.InvalidOperation],
        )

    def __setattr__(self, name: str, value: object) -> None:
        """Ignore the change."""

    def __getattribute__(self, name: str) -> Any:
        """Return a copy for `traps`, so that setting one changes nothing."""
        value = super().__getattribute__(name)
        return dict(value) if name == "traps" else value

    def clear_traps(self) -> None:
        """Ignore the change."""


ENGINE_CONTEXT = EngineContext()
"""For single operations outside a run."""

_quantize, _normalize = ENGINE_CONTEXT.quantize, ENGINE_CONTEXT.normalize
_add_exactly = ENGINE_CONTEXT.add
MONEY_QUANTUM = Decimal("1E-12")
NAN = Decimal("NaN")
ZERO = Decimal(0)


def to_decimal(value: object) -> Decimal:
    """Turn any number into a `Decimal`; floats by their shortest decimal text.

    Args:
        value: int, float, Decimal, or a scalar of numpy or polars.

    Raises:
        TypeError: `value` is not a number (a bool is not one either).
    """
    kind = type(value)
    if kind is float:
        return Decimal(repr(value))
    if kind is int:
        return Decimal(value)  # type: ignore[arg-type]  # mypy does not follow `kind`
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):  # numpy.float64 is a float; its own repr would include its type
        return Decimal(float.__repr__(value))
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(
            f"a number is expected here: was {value!r} (bool); pass an int, float or Decimal"
        )
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, np.integer):
        return Decimal(int(value))
    if isinstance(value, np.floating):
        return Decimal(repr(float(value)))
    raise TypeError(
        f"a number is expected here: was {value!r} ({type(value).__name__}); pass an int, float or "
        "Decimal"
    )


def to_money(value: object) -> Decimal:
    """Convert any finite number to a `Decimal` rounded half-even to 12 decimals:
    prices, commissions, cash flows.
    """
    if type(value) is float:
        return money_of_price(value)
    return _rounded(value if type(value) is Decimal else to_decimal(value))


@lru_cache(maxsize=1 << 16)
def money_of_price(value: float) -> Decimal:
    """Return the same as `to_money` for a float that repeats: a market has far fewer
    prices than bars.
    """
    return money_of_float(value)


def money_of_float(value: float) -> Decimal:
    """Return the same as `to_money` for any float."""
    text = repr(value)
    if not -_FAR < value < _FAR or "e" in text:
        return _rounded(Decimal(text))
    # With at most twelve decimals the text is already right, except for a zero at the
    # end.
    if text.endswith(".0"):
        return Decimal(int(value))
    if len(text) - text.find(".") <= _LONGEST_TAIL:
        return Decimal(text)
    return _add_exactly(_normalize(_quantize(Decimal(text), MONEY_QUANTUM)), ZERO)


_LONGEST_TAIL = 13  # a point and twelve decimals
_FAR = 1e15


# Always in the engine's context: the cached values of floats are shared by all runs.
def _rounded(exact: Decimal) -> Decimal:
    if not exact.is_finite():
        raise ValueError(f"an amount of money must be finite: was {exact}")
    try:
        return _add_exactly(_normalize(_quantize(exact, MONEY_QUANTUM)), ZERO)
    except InvalidOperation:
        raise AmountTooLarge(
            f"an amount of money must be below 1E26: was {exact:.6E}; check prices, amounts and "
            "volumes, or use larger units"
        ) from None


def plain_text(value: Decimal) -> str:
    """Return the canonical text of a decimal: no exponent, no trailing zeros, `-0` as
    `0`.
    """
    if not value.is_finite():
        return str(value)
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def people_text(value: Decimal) -> str:
    """Return a decimal in everyday notation: 83,313.00, 168, 404.290754.

    A number with decimals shows at least two and at most six; below one it may show
    more, because six would say little.
    """
    if not value.is_finite():
        return Decimal.__str__(value)
    exponent = cast(int, value.as_tuple().exponent)
    most = max(6, 7 - value.adjusted()) if value else 6
    if -exponent > most:
        value = _quantize(value, Decimal(1).scaleb(-most))
    return _two_at_least(Decimal.__format__(value, ",f"))


# All digits except trailing zeros left by sums: `Decimal(str(x))` is the same number.
def _trimmed(value: Decimal) -> str:
    text = Decimal.__str__(value)
    whole, _point, decimals = text.partition(".")
    if len(decimals) <= 2 or not decimals.endswith("0") or "E" in text:
        return text
    return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def _two_at_least(text: str) -> str:
    whole, point, decimals = text.partition(".")
    return text if not point else f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


# Cached decimals of floats: a strategy's own numbers, such as `price * 0.98`, repeat at
# every bar, and a look-up takes a tenth of the time of converting the text.
class _Floats(dict[float, Decimal]):
    def __missing__(self, value: float) -> Decimal:
        exact = Decimal(repr(value))
        if value and value == value:  # noqa: PLR0124 - NaN; 0.0 and -0.0 would be one key
            if len(self) >= _KEPT_FLOATS:
                self.clear()
            self[value] = exact
        return exact


_KEPT_FLOATS = 4096
_FLOATS = _Floats()
_is_nan, _eq = Decimal.is_nan, Decimal.__eq__


# Most operands are already exact, or floats; these are handled first. The operation is
# a closure variable, at half the cost of a class attribute.
def _arithmetic(operation: Callable[[Any, Any], Decimal]) -> Any:
    def method(self: Number, other: Any) -> Any:
        kind = type(other)
        if kind is Number or kind in _EXACT:
            return Number(operation(self, other))
        if kind is float:
            return Number(operation(self, _FLOATS[other]))
        return _binary(operation, self, other)

    return method


# Rounding to floats keeps the order, and the nearest float of a float's own text is the
# float itself: two unequal floats are in the order of the exact numbers. A strategy's
# own floats, such as means of windows, are new at each bar, and making their text takes
# four times as long.
def _ordering(
    operation: Callable[[Any, Any], bool], of_floats: Callable[[float, float], bool]
) -> Any:
    def method(self: Number, other: Any) -> bool:
        kind = type(other)
        try:
            if kind is float:
                nearest = float(self)
                if nearest != other:
                    return of_floats(nearest, other)
                return operation(self, _FLOATS[other])
            if kind is Number or kind in _EXACT:
                return operation(self, other)
        except (InvalidOperation, ValueError):  # an operand is NaN, or a signaling one
            return False
        return _compare(operation, self, other)

    return method


class Number(Decimal):
    """A `Decimal` that accepts ints, floats, numpy and polars scalars in arithmetic and
    stays decimal.

    A missing value is `Number("NaN")`: arithmetic gives NaN and every comparison is
    False. Floats compare by their shortest decimal text, so `Number("0.1") == 0.1` is
    True. In operations with arrays and Series it acts as a float.
    """

    __slots__ = ()
    __hash__ = Decimal.__hash__

    def __str__(self) -> str:
        return _trimmed(self)

    def __repr__(self) -> str:
        return people_text(self)

    def __format__(self, spec: str, context: decimal.Context | None = None, /) -> str:
        if context is not None:
            return Decimal.__format__(self, spec, context)
        return Decimal.__format__(self, spec) if spec else str(self)

    __add__, __radd__ = _arithmetic(Decimal.__add__), _arithmetic(Decimal.__radd__)
    __sub__, __rsub__ = _arithmetic(Decimal.__sub__), _arithmetic(Decimal.__rsub__)
    __mul__, __rmul__ = _arithmetic(Decimal.__mul__), _arithmetic(Decimal.__rmul__)
    __truediv__ = _arithmetic(Decimal.__truediv__)
    __rtruediv__ = _arithmetic(Decimal.__rtruediv__)

    def __floordiv__(self, other: object) -> Any:
        return _binary(Decimal.__floordiv__, self, other)

    def __rfloordiv__(self, other: object) -> Any:
        return _binary(Decimal.__rfloordiv__, self, other)

    def __mod__(self, other: object) -> Any:
        return _binary(Decimal.__mod__, self, other)

    def __rmod__(self, other: object) -> Any:
        return _binary(Decimal.__rmod__, self, other)

    def __pow__(self, other: object, modulo: Any = None) -> Any:
        return _binary(lambda a, b: Decimal.__pow__(a, b, modulo), self, other)

    def __rpow__(self, other: object, modulo: Any = None) -> Any:
        return _binary(lambda a, b: Decimal.__rpow__(a, b, modulo), self, other)

    def __divmod__(self, other: object) -> Any:
        return _pair(Decimal.__divmod__, self, other)

    def __rdivmod__(self, other: object) -> Any:
        return _pair(Decimal.__rdivmod__, self, other)

    def __round__(self, ndigits: Any = None) -> Any:
        if ndigits is None:
            return Decimal.__round__(self)
        return Number(Decimal.__round__(self, as_index(ndigits)))

    def quantize(self, *args: Any, **kwargs: Any) -> Number:
        """Return the number with the exponent of another, as `Decimal.quantize`
        does.
        """
        return Number(Decimal.quantize(self, *args, **kwargs))

    def rint(self) -> Number:
        """Return the nearest whole number, half to even: numpy's `round` calls it."""
        return Number(Decimal.to_integral_value(self, rounding=decimal.ROUND_HALF_EVEN))

    def __neg__(self) -> Number:
        return Number(Decimal.__neg__(self))

    def __pos__(self) -> Number:
        return self

    def __abs__(self) -> Number:
        return Number(Decimal.__abs__(self))

    def __eq__(self, other: object) -> bool:
        kind = type(other)
        if kind is int or kind in _EXACT:  # NaN is equal to nothing in floats either
            return _eq(self, other)
        if kind is float:
            return _eq(self, _FLOATS[cast(float, other)])
        return _compare(_eq, self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __lt__, __le__ = _ordering(Decimal.__lt__, lt), _ordering(Decimal.__le__, le)
    __gt__, __ge__ = _ordering(Decimal.__gt__, gt), _ordering(Decimal.__ge__, ge)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: object) -> Any:
        """Support numpy: arrays see a float, a numpy scalar stays decimal in the four
        operations.
        """
        operator = _SCALAR_OPERATORS.get(ufunc.__name__)
        if operator is not None and method == "__call__" and all(np.ndim(x) == 0 for x in inputs):
            left, right = (
                x if isinstance(x, Number) else Number(to_decimal(_scalar(x))) for x in inputs
            )
            return operator(left, right)
        floats = [float(x) if isinstance(x, Number) else x for x in inputs]
        return getattr(ufunc, method)(*floats, **kwargs)


_EXACT = frozenset({int, Decimal, Number})

Figure: TypeAlias = Number | float
"""A number as strategies see it: a `Number`, or a float with frames="pandas"."""

_SCALAR_OPERATORS = {
    "add": Number.__add__,
    "subtract": Number.__sub__,
    "multiply": Number.__mul__,
    "divide": Number.__truediv__,
    "true_divide": Number.__truediv__,
    "floor_divide": Number.__floordiv__,
    "remainder": Number.__mod__,
    "less": Number.__lt__,
    "less_equal": Number.__le__,
    "greater": Number.__gt__,
    "greater_equal": Number.__ge__,
    "equal": Number.__eq__,
    "not_equal": Number.__ne__,
}


# In comparisons numpy passes a scalar as an array without dimensions.
def _scalar(value: object) -> Any:
    return value.item() if isinstance(value, np.ndarray) else value


def _operand(other: object) -> Decimal | None:
    # Arrays, Series and strings are not handled here: None makes Python ask the other
    # operand.
    if isinstance(other, Decimal):
        return other
    if isinstance(other, float):
        return Decimal(float.__repr__(other))
    if isinstance(other, int):  # includes bool: Python's own numbers accept it too
        return Decimal(int(other))
    if isinstance(other, (np.integer, np.floating)):
        return to_decimal(other)
    return None


def _binary(operation: Any, number: Number, other: object) -> Any:
    operand = _operand(other)
    if operand is None:
        return NotImplemented
    result = operation(number, operand)
    return Number(result) if isinstance(result, Decimal) else result


def _pair(operation: Any, number: Number, other: object) -> Any:
    operand = _operand(other)
    if operand is None:
        return NotImplemented
    quotient, rest = operation(number, operand)
    return Number(quotient), Number(rest)


def _compare(operation: Any, number: Number, other: object) -> bool:
    operand = _operand(other)
    if operand is None:
        return cast(bool, NotImplemented)
    result: bool = not (_is_nan(operand) or _is_nan(number)) and operation(number, operand)
    return result


def is_finite(value: SupportsFloat) -> bool:
    """Say whether a number is neither infinite nor NaN."""
    number = float(value)
    return number - number == 0.0
