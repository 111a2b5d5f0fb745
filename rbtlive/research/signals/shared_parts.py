"""Expressions over the same bars, of which several have parts in common.

The rule: a part that several expressions have is computed once; the values are those of
the expressions as they were written. Only operands of arithmetic, comparisons and
logic are parts: polars tells nothing of a function's arguments but their values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import polars as pl

_Operation: TypeAlias = Callable[[Any, Any], Any]

_OPERATIONS: Final[dict[str, _Operation]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "&": operator.and_,
    "|": operator.or_,
}
_COMPARING: Final = tuple(_OPERATIONS[sign] for sign in (">", ">=", "<", "<=", "=="))
"""False for a missing value, in numpy's floats."""
_EXACT: Final = 2.0**53


class Comparison(NamedTuple):
    """An expression that compares two columns, or a column and a number.

    Attributes:
        number: Its number in the plan.
        expression: The same, for polars.
        operation: The comparison.
        left: Name of a column, or a number.
        right: The same.
    """

    number: int
    expression: pl.Expr
    operation: _Operation
    left: str | float
    right: str | float


class Plan(NamedTuple):
    """What to compute for some expressions; each is named by its number.

    Attributes:
        steps: Columns to add to the bars, step by step: each step needs those before.
        roots: Expressions for polars, after these steps.
        comparisons: Expressions for numpy, after these steps.
        size: The number of both.
    """

    steps: list[list[pl.Expr]]
    roots: list[pl.Expr]
    comparisons: list[Comparison]
    size: int


@dataclass(slots=True, eq=False)
class _Part:
    """An expression that others use.

    Attributes:
        expression: The expression as it was written.
        column: Name of its column, if it is computed once for several.
        operation: Joins its operands, if it is an operation on two.
        operands: These two.
        number: Its value, if it is a number.
        users: The number of its users.
    """

    expression: pl.Expr
    column: str
    operation: _Operation | None = None
    operands: tuple[_Part, ...] = ()
    number: float | None = None
    users: int = 0

    def operand(self) -> str | float | None:
        """Return the name of its column or its number; None if it has neither."""
        if self.is_shared():
            return self.column
        meta = self.expression.meta
        return meta.output_name() if meta.is_column() else self.number

    def is_shared(self) -> bool:
        """Whether it is computed for several users; a column or a constant is not
        worth it.
        """
        meta = self.expression.meta
        return self.users > 1 and not meta.is_column() and bool(meta.root_names())


class SharedParts:
    """Expressions and their parts, each kept once.

    Attributes:
        expressions: The different expressions, in the order they were added.
    """

    def __init__(self) -> None:
        self.expressions: list[pl.Expr] = []
        self._roots: list[_Part] = []
        self._places: dict[bytes, int] = {}
        self._parts: dict[bytes, _Part] = {}

    def add(self, expression: pl.Expr) -> int:
        """Return the index of an expression, the same for equal ones."""
        key = expression.meta.serialize()
        place = self._places.setdefault(key, len(self.expressions))
        if place == len(self.expressions):
            self.expressions.append(expression)
            self._roots.append(self._used(expression, key))
        return place

    def _used(self, expression: pl.Expr, key: bytes) -> _Part:
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = _Part(expression, f"rbtlive part {len(self._parts)}")
            part.number = _number(expression)
            part.operation, operands = _split(expression)
            part.operands = tuple(self._used(one, one.meta.serialize()) for one in operands)
        part.users += 1
        return part

    def plan(self, places: Sequence[int]) -> Plan:
        """Return what to compute for some expressions."""
        steps: list[list[pl.Expr]] = []
        known: dict[str, tuple[int, pl.Expr]] = {}
        plan = Plan(steps, [], [], len(places))
        for number, place in enumerate(places):
            root = self._roots[place]
            expression = _build(root, steps, known)[1].alias(str(number))
            operands = [name for name in map(_Part.operand, root.operands) if name is not None]
            operation = root.operation
            if operation in _COMPARING and not root.is_shared() and len(operands) == 2:
                plan.comparisons.append(Comparison(number, expression, operation, *operands))
            else:
                plan.roots.append(expression)
        return plan


def _number(expression: pl.Expr) -> float | None:
    value: object = pl.select(expression).item() if expression.meta.is_literal() else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) < _EXACT else None


# Returns the first step in which a part can be used, and the expression to write there.
def _build(
    part: _Part, steps: list[list[pl.Expr]], known: dict[str, tuple[int, pl.Expr]]
) -> tuple[int, pl.Expr]:
    if part.column in known:
        return known[part.column]
    step, expression = 0, part.expression
    if part.operation is not None:
        (left_step, left), (right_step, right) = (
            _build(one, steps, known) for one in part.operands
        )
        step = max(left_step, right_step)
        if step:
            expression = part.operation(left, right)
    if part.is_shared():
        steps += [[] for _ in range(step + 1 - len(steps))]
        steps[step].append(expression.alias(part.column))
        step, expression = step + 1, pl.col(part.column)
    known[part.column] = step, expression
    return step, expression


# The operation and its two operands; None and nothing for every other expression.
def _split(expression: pl.Expr) -> tuple[_Operation | None, tuple[pl.Expr, ...]]:
    text = str(expression)
    if not text.startswith("[("):
        return None, ()
    operands = expression.meta.pop()
    if len(operands) == 2:
        right, left = operands
        sign = text[len(str(left)) + 4 : -len(str(right)) - 4]  # [(left) sign (right)]
        operation = _OPERATIONS.get(sign)
        if operation is not None and operation(left, right).meta.eq(expression):
            return operation, (left, right)
    return None, ()
