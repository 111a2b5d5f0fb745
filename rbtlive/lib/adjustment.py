"""Changes of loaded values that are visible from some day on, under zipline's names.

The rule: an adjustment is stored under the row of the first day that sees it, and
changes the rows from `first_row` to `last_row`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, NamedTuple, Self

MULTIPLY: Final = 0
ADD: Final = 1
OVERWRITE: Final = 2


class _Span(NamedTuple):
    first_row: int
    last_row: int
    first_col: int
    last_col: int
    value: Any


class Adjustment(_Span):
    """A change of some rows and columns by one value.

    Attributes:
        first_row: First row changed.
        last_row: Last row, included.
        first_col: First column.
        last_col: Last column, included.
        value: The factor, summand or new value.

    Raises:
        ValueError: rows or columns are out of order.
    """

    __slots__ = ()
    kind: ClassVar[int] = OVERWRITE

    def __new__(
        cls, first_row: int, last_row: int, first_col: int, last_col: int, value: Any
    ) -> Self:
        """Return the change after checking it."""
        for name, first, last in (("row", first_row, last_row), ("col", first_col, last_col)):
            if not 0 <= first <= last:
                raise ValueError(
                    f"first_{name} must be in the range [0, last_{name}], got: "
                    f"first_{name}={first} last_{name}={last}"
                )
        return super().__new__(cls, first_row, last_row, first_col, last_col, value)


class Float64Multiply(Adjustment):
    """Multiplies numbers."""

    __slots__ = ()
    kind = MULTIPLY


class Float64Add(Adjustment):
    """Adds to numbers."""

    __slots__ = ()
    kind = ADD


class Float64Overwrite(Adjustment):
    """Replaces numbers."""

    __slots__ = ()


class Int64Overwrite(Adjustment):
    """Replaces whole numbers."""

    __slots__ = ()


class Datetime64Overwrite(Adjustment):
    """Replaces times."""

    __slots__ = ()


class ObjectOverwrite(Adjustment):
    """Replaces texts."""

    __slots__ = ()


class BooleanOverwrite(Adjustment):
    """Replaces truth values."""

    __slots__ = ()
