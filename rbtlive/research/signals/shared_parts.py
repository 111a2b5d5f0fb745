"""Expressions over the same bars, of which several have parts in common.

The rule: a part that several expressions have is computed once; the values are those
of the expressions as they were written. Parts are the operands of arithmetic,
comparisons, logic, casts and conditions, and the arguments of functions. An
expression's serialized form contains that of its operands; a form that is not known is
not divided.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import polars as pl

_Known: TypeAlias = dict[str, tuple[int, bytes]]
"""By column of a part: the first step in which it can be used, and what to write there,
serialized.
"""

ARITHMETIC: Final = frozenset({"Plus", "Minus", "Multiply", "TrueDivide"})
COMPARISONS: Final = frozenset({"Gt", "GtEq", "Lt", "LtEq", "Eq", "NotEq"})
LOGIC: Final = frozenset({"And", "Or", "Not"})

_EXACT: Final = 2.0**53
_BINARY: Final = b"\x81\xaaBinaryExpr\x83\xa4left"
_SIGN: Final = b"\xa2op"
_RIGHT: Final = b"\xa5right"
_COLUMN: Final = b"\x81\xa6Column"
_LITERAL: Final = b"\x81\xa7Literal"
_FLOAT: Final = _LITERAL + b"\x81\xa3Dyn\x81\xa5Float\xcb"
_CAST: Final = b"\x81\xa4Cast\x83\xa4expr"
_TERNARY: Final = b"\x81\xa7Ternary\x83\xa9predicate"
_FUNCTION: Final = b"\x81\xa8Function\x82\xa5input"
_NOT: Final = b"\xa8function\x81\xa7Boolean\xa3Not"
_FEW: Final = 0x90
"""MessagePack's mark of a list of up to fifteen, plus their number."""
_NAMED: Final = b"\xa8function\xa8AsStruct"
"""Its value depends on the names of its arguments."""


@dataclass(eq=False, slots=True)
class Part:
    """An expression that others use.

    Attributes:
        key: The expression, serialized.
        expression: The expression as it was written.
        column: Name of its column, if it is computed once for several.
        is_bars_column: Whether it is a column of the bars.
        is_constant: Whether it reads no column.
        number: Its value, if it is a number.
        between: The key without those of the operands: what is before, between and
            after them.
        operands: Its operands.
        operation: Arithmetic, comparison or logic that numpy can do with its operands;
            empty for everything else.
        users: The number of its users.
        inside: Whether polars needs it, as a part of what numpy does not compute.
        is_leaf: Whether numpy needs it, and does not compute it.
    """

    key: bytes
    expression: pl.Expr
    column: str
    is_bars_column: bool = False
    is_constant: bool = False
    number: float | None = None
    between: tuple[bytes, ...] = ()
    operands: tuple[Part, ...] = ()
    operation: str = ""
    users: int = 0
    inside: bool = False
    is_leaf: bool = False
    _has_rows: bool | None = None
    _asked: bool = False

    @property
    def name(self) -> str:
        """Name of the column that has its values."""
        return self.expression.meta.output_name() if self.is_bars_column else self.column

    def has_rows(self) -> bool | None:
        """Whether it gives a value a row; None if polars does not know."""
        if not self._asked:
            self._asked = True
            with suppress(AttributeError, pl.exceptions.PolarsError):
                self._has_rows = self.expression.meta.is_length_preserving()
        return self._has_rows

    def is_column(self) -> bool:
        """Whether it is computed as a column: for several users, or for numpy."""
        if self.operation:
            return self.inside and self.users > 1
        if self.is_bars_column or self.is_constant or not (self.is_leaf or self.users > 1):
            return False
        return self.has_rows() is not False or self.expression.meta.is_scalar()

    def is_truth(self) -> bool:
        """Whether it is a truth value that numpy can compute."""
        return self.operation in COMPARISONS or self.operation in LOGIC


class Tree(NamedTuple):
    """A truth value that numpy computes from columns and numbers.

    Attributes:
        number: Its number in the plan.
        part: The comparison or logic.
        known: The columns of the plan.
    """

    number: int
    part: Part
    known: _Known

    @property
    def expression(self) -> pl.Expr:
        """The same, for polars."""
        return _expression(_build(self.part, [], self.known)[1]).alias(str(self.number))


class Plan(NamedTuple):
    """What to compute for some expressions; each is named by its number.

    Attributes:
        steps: Columns to add to the bars, step by step: each step needs those before.
        roots: Expressions for polars, after these steps.
        trees: Expressions for numpy, after these steps.
        size: The number of both.
    """

    steps: list[list[pl.Expr]]
    roots: list[pl.Expr]
    trees: list[Tree]
    size: int


class SharedParts:
    """Expressions and their parts, each kept once.

    Attributes:
        expressions: The different expressions, in the order they were added.
    """

    def __init__(self) -> None:
        self.expressions: list[pl.Expr] = []
        self._roots: list[Part] = []
        self._places: dict[bytes, int] = {}
        self._parts: dict[bytes, Part] = {}

    def add(self, expression: pl.Expr) -> int:
        """Return the index of an expression, the same for equal ones."""
        key = expression.meta.serialize()
        place = self._places.setdefault(key, len(self.expressions))
        if place == len(self.expressions):
            self.expressions.append(expression)
            root = self._used(expression, key)
            self._roots.append(root)
            if root.is_truth():
                _mark_leaves(root)
        return place

    def _used(self, expression: pl.Expr, key: bytes) -> Part:
        part = self._part(expression, key)
        part.users += 1
        return part

    def _part(self, expression: pl.Expr, key: bytes) -> Part:
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = Part(key, expression, f"rbtlive part {len(self._parts)}")
            if key.startswith(_COLUMN):
                part.is_bars_column = expression.meta.is_column()
            elif key.startswith(_LITERAL):
                part.is_constant, part.number = True, _number(part)
            else:
                self._split(part)
                operands = part.operands
                part.is_constant = (
                    all(one.is_constant for one in operands)
                    if operands
                    else not expression.meta.root_names()
                )
        return part

    # Operands become parts of their own if the node is known.
    def _split(self, part: Part) -> None:
        between, parts = self._known_pair(part.key)
        if not between:
            between, parts = self._operands(part)
        if not between:
            return
        # Of an argument with one value for all rows, a column is something else.
        if not part.key.startswith(_BINARY) and not all(
            one.is_constant or one.is_bars_column or one.has_rows() for one in parts
        ):
            return
        part.between, part.operands = between, parts
        part.operation = _operation(part)
        for one in parts:
            one.users += 1
            one.inside = one.inside or not part.operation

    # Two operands of which both are known, without asking polars for them.
    def _known_pair(self, key: bytes) -> tuple[tuple[bytes, ...], tuple[Part, ...]]:
        place = key.find(_SIGN) if key.startswith(_BINARY) else -1
        while place >= 0:
            left = self._parts.get(key[len(_BINARY) : place])
            if left is not None:
                after = key.index(_RIGHT, place) + len(_RIGHT)
                right = self._parts.get(key[after:])
                return ((_BINARY, key[place:after], b""), (left, right)) if right else ((), ())
            place = key.find(_SIGN, place + 1)
        return (), ()

    def _operands(self, part: Part) -> tuple[tuple[bytes, ...], tuple[Part, ...]]:
        if not part.key.startswith((_BINARY, _FUNCTION, _CAST, _TERNARY)):
            return (), ()
        operands = part.expression.meta.pop()[::-1]
        if part.key.startswith(_TERNARY):  # popped: the condition, what is false, what is true
            operands = [operands[2], operands[0], operands[1]]
        keys = [one.meta.serialize() for one in operands]
        between = _between(part.key, keys)
        return between, tuple(map(self._part, operands, keys)) if between else ()

    def plan(self, places: Sequence[int]) -> Plan:
        """Return what to compute for some expressions."""
        steps: list[list[pl.Expr]] = []
        known: _Known = {}
        plan = Plan(steps, [], [], len(places))
        for number, place in enumerate(places):
            root = self._roots[place]
            if root.is_truth() and not root.is_column():
                _build_leaves(root, steps, known)
                plan.trees.append(Tree(number, root, known))
            else:
                key = _build(root, steps, known)[1]
                found = root.expression if key is root.key else _expression(key)
                plan.roots.append(found.alias(str(number)))
        return plan


# What is between the operands of a node, with what is before and after them; nothing if
# the node is unknown.
def _between(key: bytes, operands: Sequence[bytes]) -> tuple[bytes, ...]:
    found, at = [], 0
    for one in operands:
        place = key.find(one, at)
        if place < 0:
            return ()
        found.append(key[at:place])
        at = place + len(one)
    found.append(key[at:])
    first, *inner, last = found
    is_known = {
        _BINARY: len(inner) == 1 and last == b"",
        _CAST: not inner and last.startswith(b"\xa5dtype"),
        _TERNARY: inner == [b"\xa6truthy", b"\xa5falsy"] and last == b"",
        _FUNCTION + bytes([_FEW + len(operands)]): (
            not any(inner) and last.startswith(b"\xa8function") and not last.startswith(_NAMED)
        ),
    }
    return tuple(found) if is_known.get(first) else ()


# The operation of a node that numpy can do, as far as its operands tell.
def _operation(part: Part) -> str:
    operands = part.operands
    if part.between[-1] == _NOT:
        return "" if operands[0].operation in ARITHMETIC else "Not"
    if not part.between[0].startswith(_BINARY):
        return ""
    sign = part.between[1][len(_SIGN) + 1 :].removesuffix(_RIGHT).decode("ascii", "replace")
    if sign in LOGIC:
        fit = not any(one.operation in ARITHMETIC or one.is_constant for one in operands)
        return sign if fit else ""
    if sign not in ARITHMETIC and sign not in COMPARISONS:
        return ""
    if any(one.is_truth() for one in operands) or all(one.is_constant for one in operands):
        return ""
    return sign


def _mark_leaves(part: Part) -> None:
    for one in part.operands:
        if one.operation:
            _mark_leaves(one)
        else:
            one.is_leaf = True


def _build_leaves(part: Part, steps: list[list[pl.Expr]], known: _Known) -> None:
    for one in part.operands:
        if one.operation and not one.is_column():
            _build_leaves(one, steps, known)
        elif one.column not in known:
            _build(one, steps, known)


def _number(part: Part) -> float | None:
    if part.key.startswith(_FLOAT):
        (value,) = struct.unpack(">d", part.key[len(_FLOAT) :])
    else:
        value = pl.select(part.expression).item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < _EXACT else None


# Returns the first step in which a part can be used, and what to write there.
def _build(part: Part, steps: list[list[pl.Expr]], known: _Known) -> tuple[int, bytes]:
    if part.column in known:
        return known[part.column]
    step, key = 0, part.key
    if part.operands:
        built = [_build(one, steps, known) for one in part.operands]
        step = max(first for first, _ in built)
        if step:
            inner = zip((text for _, text in built), part.between[1:], strict=True)
            key = b"".join([part.between[0], *(text for pair in inner for text in pair)])
    if part.is_column():
        steps += [[] for _ in range(step + 1 - len(steps))]
        found = part.expression if key is part.key else _expression(key)
        steps[step].append(found.alias(part.column))
        step, key = step + 1, pl.col(part.column).meta.serialize()
    known[part.column] = step, key
    return step, key


def _expression(key: bytes) -> pl.Expr:
    return pl.Expr.deserialize(io.BytesIO(key))
