"""Arithmetic, comparisons and logic of many columns, computed by numpy together.

The rule: values are those of polars to the last bit; trees that numpy would compute in
another way are left to polars. NaN is a number in polars, equal to itself and above all
others; a missing value is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import polars as pl

from rbtlive.model.arrays import NDArray, np
from rbtlive.research.signals.shared_parts import ARITHMETIC, COMPARISONS, Part, Tree

_Bools: TypeAlias = "NDArray[np.bool_]"
_Floats: TypeAlias = "NDArray[np.float64]"
_Rows: TypeAlias = "slice | NDArray[np.int64]"
_Levels: TypeAlias = "dict[tuple[int, str, tuple[bool, ...]], list[Part]]"
"""Parts by their level, their operation, and which of their operands are numbers."""

_NUMPY: Final = {
    "Plus": "add",
    "Minus": "subtract",
    "Multiply": "multiply",
    "TrueDivide": "divide",
    "Gt": "greater",
    "GtEq": "greater_equal",
    "Lt": "less",
    "LtEq": "less_equal",
    "Eq": "equal",
    "NotEq": "not_equal",
    "And": "logical_and",
    "Or": "logical_or",
}
_AT_ONCE: Final = 1 << 18
"""Numbers computed at a time, about as many as a processor's cache holds."""
_WORTH_A_GROUP: Final = 8
"""Parts in a group of neighbours, on average, to compute each group by itself."""
_LEAST: Final = 32
"""Bars computed at a time, at least."""


class _Step(NamedTuple):
    """An operation on many pairs of operands.

    Attributes:
        operation: Its name.
        out: Rows of the results, of numbers or of truth values.
        operands: Rows of numbers or of truth values; of constants no row.
        constants: By operand a column of constants, or None.
    """

    operation: str
    out: slice
    operands: list[_Rows]
    constants: list[_Floats | None]


class Leaves(NamedTuple):
    """What trees read, each columns x bars.

    Attributes:
        values: Numbers, NaN where missing.
        lacking: Whether a number is missing.
        truths: Truth values, false where missing.
        absent: Whether a truth value is missing.
    """

    values: _Floats
    lacking: _Bools
    truths: _Bools
    absent: _Bools

    def begins(self, whole: Leaves) -> bool:
        """Whether the others begin with these, to the last bit."""
        return all(
            np.array_equal(_bits(ours), _bits(theirs[:, : ours.shape[1]]))
            for ours, theirs in zip(self, whole, strict=True)
        )


# Of numbers: zero is not minus zero, and a NaN is itself.
def _bits(values: NDArray[np.generic]) -> NDArray[np.generic]:
    return values.view(np.int64) if values.dtype == np.float64 else values


class Program:
    """Trees, ordered so that equal operations are done together.

    Args:
        trees: The trees.
        unfit: Names of columns that numpy cannot use.

    Attributes:
        numbers: Names of columns of numbers.
        truths: Names of columns of truth values.
        left: The trees for polars.
    """

    def __init__(self, trees: Sequence[Tree], unfit: frozenset[str] = frozenset()) -> None:
        self._unfit = unfit
        self._fits: dict[str, bool] = {}
        fitting = [tree for tree in trees if self._fit(tree.part)]
        self.left = [tree for tree in trees if not self._fits[tree.part.column]]
        levels: _Levels = {}
        self._level: dict[str, int] = {}
        self._leaves: tuple[dict[str, Part], dict[str, Part]] = ({}, {})
        for tree in fitting:
            self._place(tree.part, levels, is_truth=True)
        leaves = self._sorted_leaves(levels)
        self.numbers, self.truths = ([one.name for one in kind] for kind in leaves)
        # Row of each part: of numbers, or of truth values.
        self._row: dict[str, int] = {}
        self._heights = [0, 0]
        for is_truth in (False, True):
            self._enter(leaves[is_truth], is_truth=is_truth)
        self._steps = [
            self._step(key[1], group)
            for key, parts in sorted(levels.items())
            for group in self._groups(parts)
        ]
        self._most = max(map(len, levels.values()), default=0)
        self._out = _rows([tree.number for tree in fitting])
        self._roots = _rows([self._row[tree.part.column] for tree in fitting])

    # -- what is done -----------------------------------------------------------------

    def _fit(self, part: Part) -> bool:
        known = self._fits.get(part.column)
        if known is None:
            if _is_read(part):
                known = part.name not in self._unfit
            elif part.operation:
                known = all(map(self._fit, part.operands))
                if part.operation in {"Plus", "Minus"}:
                    # The sign of a sum with zero is another in polars.
                    known = known and all(one.number != 0.0 for one in part.operands)
            else:
                known = part.number is not None
            self._fits[part.column] = known
        return known

    def _place(
        self,
        part: Part,
        levels: _Levels,
        *,
        is_truth: bool,
    ) -> int:
        if _is_read(part):
            leaves = self._leaves[is_truth]
            if part.column not in leaves:
                leaves[part.column] = part
            return 0
        level = self._level.get(part.column)
        if level is not None:
            return level
        level = 0
        if part.operation:
            inner = part.operation not in COMPARISONS and part.operation not in ARITHMETIC
            level = 1 + max(self._place(one, levels, is_truth=inner) for one in part.operands)
            kinds = tuple(one.number is None for one in part.operands)
            levels.setdefault((level, part.operation, kinds), []).append(part)
        self._level[part.column] = level
        return level

    # Those of one side of an operation are neighbours, in the order of their use.
    def _sorted_leaves(self, levels: _Levels) -> tuple[list[Part], list[Part]]:
        sides = (
            column
            for _, parts in sorted(levels.items())
            for column in zip(*(part.operands for part in parts), strict=True)
        )
        names = dict.fromkeys(one.column for column in sides for one in column)
        places = {name: place for place, name in enumerate(names)}
        numbers, truths = (
            sorted(kind.values(), key=lambda one: places.get(one.column, len(places)))
            for kind in self._leaves
        )
        return numbers, truths

    def _enter(self, parts: Iterable[Part], *, is_truth: bool) -> slice:
        low = self._heights[is_truth]
        for number, part in enumerate(parts, low):
            self._row[part.column] = number
            self._heights[is_truth] = number + 1
        return slice(low, self._heights[is_truth])

    # Parts whose operands are each one row for all, or neighbours, are read without a
    # copy: of a grid, those with the same first length. If these are few, all stay one.
    def _groups(self, parts: list[Part]) -> list[list[Part]]:
        rows = [[self._row[o.column] for o in part.operands if o.number is None] for part in parts]
        groups: list[list[Part]] = []
        before: tuple[int, ...] = ()
        for place, part in enumerate(parts):
            step = tuple(map(int.__sub__, rows[place], rows[place - 1])) if groups else ()
            fits = bool(groups) and all(one in (0, 1) for one in step)
            if fits and (len(groups[-1]) == 1 or step == before):
                groups[-1].append(part)
            else:
                groups.append([part])
            before = step
        return groups if len(groups) * _WORTH_A_GROUP <= len(parts) else [parts]

    def _step(self, operation: str, parts: list[Part]) -> _Step:
        operands: list[_Rows] = []
        constants: list[_Floats | None] = []
        for column in zip(*(part.operands for part in parts), strict=True):
            numbers = [one.number for one in column if one.number is not None]
            constants.append(np.array(numbers)[:, np.newaxis] if numbers else None)
            operands.append(_rows([] if numbers else [self._row[one.column] for one in column]))
        if operation == "TrueDivide" and constants[1] is not None:
            # Polars multiplies by the reciprocal of a number.
            with np.errstate(divide="ignore"):
                operation, constants[1] = "Multiply", 1.0 / constants[1]
        out = self._enter(parts, is_truth=operation not in ARITHMETIC)
        return _Step(operation, out, operands, constants)

    # -- doing it ---------------------------------------------------------------------

    def leaves(self, frame: pl.DataFrame) -> Leaves:
        """Return what the trees read of a frame, the bars with the columns of the
        plan's steps.
        """
        return Leaves(*_floats(frame, self.numbers), *_booleans(frame, self.truths))

    def run(self, leaves: Leaves, flags: NDArray[np.int8]) -> None:
        """Write the flags of the trees: 1 for true, 0 for false, -1 for missing.

        Args:
            leaves: What they read.
            flags: By number of the tree, and by row.
        """
        values, lacking, truths, absent = leaves
        rows = flags.shape[1]
        if not rows or not sum(self._heights):
            return
        width = min(rows, max(_LEAST, _AT_ONCE // max(1, *self._heights)))
        numbers, decisions = self._heights
        store = _Store(
            values=np.empty((numbers, width)),
            truths=np.empty((decisions, width), np.bool_),
            lacking=np.empty((numbers, width), np.bool_),
            absent=np.empty((decisions, width), np.bool_),
            scratch=(np.empty((self._most, width)), np.empty((self._most, width))),
        )
        with np.errstate(all="ignore"):
            for low in range(0, rows, width):
                part = slice(low, min(low + width, rows))
                store.open(values[:, part], lacking[:, part], truths[:, part], absent[:, part])
                for step in self._steps:
                    store.do(step)
                flags[self._out, part] = store.flags(self._roots)


@dataclass(slots=True)
class _Store:
    """Numbers and truth values of some bars.

    Attributes:
        values: Numbers, NaN where missing.
        truths: Truth values, false where missing.
        lacking: Whether a number is missing.
        absent: Whether a truth value is missing.
        scratch: Memory for operands.
        has_gaps: Whether any is missing.
        has_nans: Whether a number that is not missing is NaN.
    """

    values: _Floats
    truths: _Bools
    lacking: _Bools
    absent: _Bools
    scratch: tuple[_Floats, _Floats]
    has_gaps: bool = False
    has_nans: bool = False

    def open(self, values: _Floats, lacking: _Bools, truths: _Bools, absent: _Bools) -> None:
        """Begin with the columns of some bars."""
        width = values.shape[1]
        if width != self.values.shape[1]:
            self.values, self.lacking = self.values[:, :width], self.lacking[:, :width]
            self.truths, self.absent = self.truths[:, :width], self.absent[:, :width]
        self.values[: len(values)] = values
        self.truths[: len(truths)] = truths
        self.has_gaps = bool(lacking.any() or absent.any())
        if self.has_gaps:
            self.lacking[: len(values)] = lacking
            self.absent[: len(truths)] = absent
        self.has_nans = self._are_nans(slice(0, len(values)))

    def _are_nans(self, rows: slice) -> bool:
        nans = np.isnan(self.values[rows])
        if self.has_gaps:
            nans &= ~self.lacking[rows]
        return bool(nans.any())

    def do(self, step: _Step) -> None:
        """Do an operation."""
        if step.operation in ARITHMETIC:
            self._calculate(step)
        elif step.operation in COMPARISONS:
            self._compare(step)
        else:
            self._decide(step)

    def flags(self, rows: _Rows) -> NDArray[np.int8]:
        """Return the flags of some truth values."""
        found: NDArray[np.int8] = self.truths[rows].view(np.int8)
        return found - self.absent[rows].view(np.int8) if self.has_gaps else found

    def _calculate(self, step: _Step) -> None:
        first, second = map(self._numbers, step.operands, step.constants, self.scratch)
        getattr(np, _NUMPY[step.operation])(first, second, out=self.values[step.out])
        if self.has_gaps:
            self.lacking[step.out] = self._any_lacks(step)
        self.has_nans = self.has_nans or self._are_nans(step.out)

    def _compare(self, step: _Step) -> None:
        first, second = map(self._numbers, step.operands, step.constants, self.scratch)
        found = self.truths[step.out]
        getattr(np, _NUMPY[step.operation])(first, second, out=found)
        if self.has_gaps:
            self.absent[step.out] = self._any_lacks(step)
        if self.has_nans:
            left, right = map(self._nans, step.operands, step.constants)
            found |= _by_nans(step.operation, left, right)
            if step.operation == "NotEq":
                found &= ~(left & right)
        if self.has_gaps and (self.has_nans or step.operation == "NotEq"):
            found &= ~self.absent[step.out]

    def _decide(self, step: _Step) -> None:
        trues = [self.truths[one] for one in step.operands]
        found = self.truths[step.out]
        if step.operation == "Not":
            np.logical_not(trues[0], out=found)
        else:
            getattr(np, _NUMPY[step.operation])(*trues, out=found)
        if not self.has_gaps:
            return
        gaps = [self.absent[one] for one in step.operands]
        if step.operation == "Not":
            found &= ~gaps[0]
            self.absent[step.out] = gaps[0]
        elif step.operation == "Or":
            self.absent[step.out] = (gaps[0] | gaps[1]) & ~found
        else:  # missing unless one is false
            maybe = [true | gap for true, gap in zip(trues, gaps, strict=True)]
            self.absent[step.out] = (gaps[0] | gaps[1]) & maybe[0] & maybe[1]

    # Rows that are no neighbours are copied, always to the same memory.
    def _numbers(self, rows: _Rows, constants: _Floats | None, scratch: _Floats) -> _Floats:
        if constants is not None:
            return constants
        if isinstance(rows, slice):
            return self.values[rows]
        out = scratch[: len(rows), : self.values.shape[1]]
        return np.take(self.values, rows, axis=0, out=out, mode="clip")

    def _nans(self, rows: _Rows, constants: _Floats | None) -> _Bools:
        if constants is not None:
            return np.zeros((1, 1), np.bool_)
        nans: _Bools = np.isnan(self.values[rows])
        return nans & ~self.lacking[rows] if self.has_gaps else nans

    def _any_lacks(self, step: _Step) -> _Bools:
        pairs = zip(step.operands, step.constants, strict=True)
        lacks = [self.lacking[rows] for rows, constants in pairs if constants is None]
        return lacks[0] if len(lacks) == 1 else lacks[0] | lacks[1]


# What a comparison is where one of its numbers is NaN, and true.
def _by_nans(operation: str, left: _Bools, right: _Bools) -> _Bools:
    by_operation = {
        "Gt": left & ~right,
        "GtEq": left,
        "Lt": right & ~left,
        "LtEq": right,
        "Eq": left & right,
        "NotEq": left ^ right,
    }
    return by_operation[operation]


def _is_read(part: Part) -> bool:
    return part.is_bars_column or part.is_column()


# Without a copy if possible: one row for all, or neighbours.
def _rows(rows: list[int]) -> _Rows:
    if not rows:
        return slice(0, 0)
    low, high = rows[0], rows[-1] + 1
    if all(row == low for row in rows):
        return slice(low, low + 1)
    if high - low == len(rows) and rows == list(range(low, high)):
        return slice(low, high)
    return np.array(rows)


# Numbers and where they are missing, both columns x bars.
def _floats(frame: pl.DataFrame, names: list[str]) -> tuple[_Floats, _Bools]:
    values = np.empty((len(names), len(frame)))
    columns = [frame.get_column(name) for name in names]
    for place, column in enumerate(columns):
        values[place] = column.to_numpy()
    missing = np.isnan(values)
    if missing.any():
        counts = np.count_nonzero(missing, axis=1).tolist()
        for column, none, count in zip(columns, missing, counts, strict=True):
            if count and count != column.null_count():
                none[:] = column.is_null().to_numpy()
    return values, missing


# Truth values and where they are missing, both columns x bars.
def _booleans(frame: pl.DataFrame, names: list[str]) -> tuple[_Bools, _Bools]:
    columns = [frame.get_column(name) for name in names]
    truths, missing = (np.zeros((len(names), len(frame)), np.bool_) for _ in range(2))
    for place, column in enumerate(columns):
        truths[place] = column.fill_null(value=False).to_numpy()
        missing[place] = column.is_null().to_numpy()
    return truths, missing


def fitting(trees: Sequence[Tree], frame: pl.DataFrame) -> Program:
    """Return the program of the trees that numpy can compute over a frame."""
    unfit: set[str] = set()
    schema = frame.schema
    while True:
        program = Program(trees, frozenset(unfit))
        wrong = {
            name
            for names, dtype in ((program.numbers, pl.Float64), (program.truths, pl.Boolean))
            for name in names
            if schema[name] != dtype
        }
        if not wrong:
            return program
        unfit |= wrong
