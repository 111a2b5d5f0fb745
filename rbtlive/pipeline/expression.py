"""Arithmetic and comparisons of terms, as terms.

The rule: values and quirks are those of zipline's expressions, which are texts:
division by a constant multiplies by its inverse, and a negative base binds weaker than
its power.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any, Final

from rbtlive.model.arrays import np
from rbtlive.pipeline.kinds import kind
from rbtlive.pipeline.sentinels import NotSpecified
from rbtlive.pipeline.term import BOOL, FLOAT, INT, TIME, ComputableTerm, Term

FUNCTIONS: Final = (
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh",
    "arccosh", "arctanh", "log", "log10", "log1p", "exp", "expm1", "sqrt", "abs",
)  # fmt: skip
_ARITHMETIC: Final[dict[str, str]] = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "pow": "**",
    "mod": "%",
}
_COMPARISONS: Final = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "ne": "!=", "eq": "=="}


class BadBinaryOperator(TypeError):  # noqa: N818 - zipline's name
    """Two things that an operator cannot combine."""

    def __init__(self, op: str, left: Any, right: Any) -> None:
        super().__init__(f"Can't compute {type(left).__name__} {op} {type(right).__name__}")


# A power with a negative number as its base: zipline's text means -(2 ** x).
def _negative_base(base: Any, exponent: Any) -> Any:
    return -np.power(-base, exponent)


_OPERATIONS: Final[dict[str, Callable[..., Any]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": np.power,
    "-**": _negative_base,
    "%": np.mod,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "!=": lambda a, b: a != b,
    "==": lambda a, b: a == b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "~": lambda a: ~a,
    "neg": lambda a: -a,
    **{name: (lambda a, _name=name: getattr(np, _name)(a)) for name in FUNCTIONS},
}


class NumericalExpression(ComputableTerm):
    """An operation on terms and numbers.

    Attributes:
        op: The operation.
        parts: Its operands; None means the next input.
    """

    window_length = 0
    op: str
    parts: tuple[Any, ...]

    def __new__(cls, op: str, operands: tuple[Any, ...], dtype: Any) -> Any:
        """Return the term for an operation."""
        inputs = tuple(value for value in operands if isinstance(value, Term))
        return super().__new__(
            cls,
            inputs=inputs,
            dtype=dtype,
            window_safe=dtype == BOOL or all(term.window_safe for term in inputs),
            facts={
                "op": op,
                "parts": tuple(None if isinstance(v, Term) else v for v in operands),
            },
        )

    def _values(self, arrays: Any) -> Any:
        given = iter(arrays)
        operands = [next(given) if part is None else part for part in self.parts]
        with np.errstate(all="ignore"):
            return _OPERATIONS[self.op](*operands)

    # A day's number is repeated for all assets, because every result has a column per
    # asset.
    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets
        values = self._values(inputs)
        return values if values.shape == mask.shape else np.broadcast_to(values, mask.shape).copy()

    def __repr__(self) -> str:
        names = iter(self.inputs)
        shown = [
            next(names).recursive_repr() if part is None else repr(part) for part in self.parts
        ]
        return f"({shown[0]} {self.op} {shown[1]})" if len(shown) > 1 else f"{self.op}({shown[0]})"

    def graph_repr(self) -> str:
        """Return a short text for diagrams."""
        return f"Expression\n{self!r}"


def _combined(op: str, left: Any, right: Any, dtype: Any) -> Any:

    return (kind("NumExprFilter") if dtype == BOOL else kind("NumExprFactor"))(
        op, (left, right), dtype
    )


# A number takes the type of the factor it is combined with.
def _coerced(factor: Any, other: Any) -> Any:
    if isinstance(other, Number) and not isinstance(other, Term):
        if factor.dtype == FLOAT:
            return float(other)  # type: ignore[arg-type]
        if factor.dtype == INT:
            return int(other)  # type: ignore[call-overload]
    return other


def _check_types(op: str, left: Any, right: Any, *, compared: bool) -> None:
    if compared:
        if left != right:
            raise TypeError(
                f"Don't know how to compute {left} {op} {right}.\nComparisons are only supported "
                "between Factors of equal dtypes."
            )
    elif left != FLOAT or right != FLOAT:
        raise TypeError(
            f"Don't know how to compute {left} {op} {right}.\nArithmetic operators are only "
            "supported between Factors of dtype 'float64'."
        )


def _dtype_of(value: Any) -> Any:
    return value.dtype if isinstance(value, Term) else np.dtype(type(value))


def _operand(op: str, factor: Any, other: Any, *, compared: bool) -> Any:
    other = _coerced(factor, other)
    if compared and factor.dtype == TIME and not isinstance(other, Term):
        other = np.datetime64(other, "ns")
    if not isinstance(other, (Term, Number, np.datetime64)):
        raise BadBinaryOperator(op, factor, other)
    if isinstance(other, Term) and not isinstance(other, ComputableTerm):
        raise BadBinaryOperator(op, factor, other)
    kind = TIME if isinstance(other, np.datetime64) else _dtype_of(other)
    _check_types(op, factor.dtype, kind, compared=compared)
    return other


def arithmetic(op: str) -> Callable[[Any, Any], Any]:
    """Return the method for an arithmetic operator."""

    def method(self: Any, other: Any) -> Any:
        other = _operand(op, self, other, compared=False)
        if op == "/" and not isinstance(other, Term):
            return _combined("*", self, 1.0 / other, FLOAT)
        return _combined(op, self, other, FLOAT)

    return method


def reflected(op: str) -> Callable[[Any, Any], Any]:
    """Return the method for an arithmetic operator with a number on its left."""

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, Term):  # a filter or classifier, which has no arithmetic
            raise BadBinaryOperator(op, other, self)
        other = _operand(op, self, other, compared=False)
        name = op
        if op == "**" and other < 0 and not isinstance(self, NumericalExpression):
            name = "-**"
        return _combined(name, other, self, FLOAT)

    return method


def comparison(op: str) -> Callable[[Any, Any], Any]:
    """Return the method for a comparison."""

    def method(self: Any, other: Any) -> Any:
        return _combined(op, self, _operand(op, self, other, compared=True), BOOL)

    return method


def function(name: str) -> Callable[[Any], Any]:
    """Return the method for a mathematical function."""

    def method(self: Any) -> Any:

        if self.dtype != FLOAT:
            raise TypeError(f"{name}() is only supported for Factors of dtype 'float64'")
        return kind("NumExprFactor")(name, (self,), FLOAT)

    method.__doc__ = f"Return a factor of {name} of each value."
    return method


def negative(self: Any) -> Any:
    """Return a factor of the negated values."""
    if self.dtype != FLOAT:
        raise TypeError(
            f"Can't apply unary operator '-' to instance of {type(self).__name__!r} with dtype "
            f"{self.dtype.name!r}.\n'-' is only supported for Factors of dtype 'float64'."
        )
    return kind("NumExprFactor")("neg", (self,), FLOAT)


def factor_methods() -> dict[str, Any]:
    """Return the operators and functions of factors, by method name."""
    methods: dict[str, Any] = {"__neg__": negative}
    for name, op in _ARITHMETIC.items():
        methods[f"__{name}__"] = arithmetic(op)
        methods[f"__r{name}__"] = reflected(op)
    for name, op in _COMPARISONS.items():
        methods["eq" if op == "==" else f"__{name}__"] = comparison(op)
    methods |= {name: function(name) for name in FUNCTIONS}
    return methods


def logical(op: str) -> Callable[[Any, Any], Any]:
    """Return the method for a logical operator."""

    def method(self: Any, other: Any) -> Any:

        if isinstance(other, Term):
            if other.dtype != BOOL:
                raise BadBinaryOperator(op, self, other)
        elif isinstance(other, (bool, int)):
            other = bool(other)
        else:
            raise BadBinaryOperator(op, self, other)
        return kind("NumExprFilter")(op, (self, other), BOOL)

    return method


__all__ = ["BadBinaryOperator", "NotSpecified", "NumericalExpression", "factor_methods", "logical"]
