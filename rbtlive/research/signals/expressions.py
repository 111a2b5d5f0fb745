"""Many expressions over the bars of one asset, evaluated together.

The rule: a value at a row depends only on rows up to it; an expression that depends on
later rows is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from rbtlive.data.windows.history import BASE_FIELD, History
from rbtlive.data.windows.indicators import PREFIXES, WATCHED, refusal, shape_of
from rbtlive.errors import LookAheadIndicator, StrategyError
from rbtlive.model.arrays import NDArray, np
from rbtlive.research.signals.shared_parts import SharedParts
from rbtlive.research.signals.trees import Leaves, Program, fitting

MISSING: Final = -1
_ROW: Final = "rbtlive row"
_MUST_GIVE: Final = "a signal must give one number or truth value a bar"


class SignalTable:
    """Boolean expressions, each evaluated once however many runs use it."""

    def __init__(self) -> None:
        self._parts = SharedParts()
        self._shapes: dict[str, int] = {}
        self._watched: list[int] = []
        self._plans: tuple[_Planned, _Planned] | None = None
        self.expressions = self._parts.expressions

    def add(self, expression: pl.Expr) -> int:
        """Return the index of an expression, the same for equal ones."""
        before = len(self.expressions)
        place = self._parts.add(expression)
        if place == before:
            self._plans = None
            # Expressions that differ only in numbers look ahead in the same way.
            shape = shape_of(expression)
            self._shapes[shape] = self._shapes.get(shape, 0) + 1
            if self._shapes[shape] <= WATCHED:
                self._watched.append(place)
        return place

    def fields(self, history: History) -> tuple[str, ...]:
        """Return the columns over which the expressions are evaluated: the fields of
        bars, and the further columns that they name.
        """
        named = (name for one in self.expressions for name in one.meta.root_names())
        others = [name for name in dict.fromkeys(named) if name not in BASE_FIELD]
        further = history.further
        if not others or further is None:
            return tuple(BASE_FIELD)
        return (*BASE_FIELD, *further.in_expression(others, history.table))

    def evaluate(self, bars: pl.DataFrame, *, symbol: str, check: bool) -> NDArray[np.int8]:
        """Return all expressions over an asset's bars, expressions x rows: 1 for true
        (for a number: above zero), 0 for false, -1 for missing.

        Args:
            bars: The bars, oldest first.
            symbol: Symbol of the asset, for messages.
            check: Whether to check for values that change when later rows are known.

        Raises:
            LookAheadIndicator: an expression looks ahead.
            StrategyError: an expression cannot be evaluated.
        """
        every = range(len(self.expressions))
        if self._plans is None:
            self._plans = _Planned(self._parts, every), _Planned(self._parts, self._watched)
        plan, few = self._plans
        whole = plan.flags(bars)
        if check and len(bars) > 1:
            half = len(bars) // 2
            self._require_same(plan.flags_again(bars.head(half)), whole, every, symbol)
            watched = few.flags(bars)
            lengths = np.unique(np.geomspace(1, len(bars) - 1, PREFIXES).astype(int))
            for length in lengths.tolist():
                values = few.flags_again(bars.head(length))
                self._require_same(values, watched, self._watched, symbol)
        return whole

    def _require_same(
        self,
        shorter: NDArray[np.int8],
        whole: NDArray[np.int8],
        places: Sequence[int],
        symbol: str,
    ) -> None:
        rows = shorter.shape[1]
        differs = shorter != whole[:, :rows]
        if differs.any():
            # The earliest bar, and of its expressions the first.
            row, place = np.argwhere(differs.T)[0].tolist()
            raise LookAheadIndicator(
                f"a signal must not look ahead: of {symbol}, the value at bar {row} is another "
                f"over the first {rows} bars than once later bars are known: "
                f"{self.expressions[places[place]]}; use shift(1) or rolling windows, not "
                "shift(-1), reverse() or whole-column totals"
            )


class _Planned:
    """A plan, and its trees as numpy computes them."""

    def __init__(self, parts: SharedParts, places: Sequence[int]) -> None:
        self._plan = parts.plan(places)
        self._program: Program | None = None
        self._last: tuple[Leaves, NDArray[np.int8]] | None = None

    def flags(self, bars: pl.DataFrame) -> NDArray[np.int8]:
        """Return the flags of all its expressions, expressions x rows."""
        self._last = None
        return self.flags_again(bars)

    def flags_again(self, bars: pl.DataFrame) -> NDArray[np.int8]:
        """Return the flags over the first of the bars that `flags` had last. If the
        trees' columns are unchanged, their flags are too: no operation looks at another
        row.
        """
        flags = np.empty((self._plan.size, len(bars)), dtype=np.int8)
        try:
            known = bars
            for step in self._plan.steps:
                # A few bars are not worth a thread for each expression.
                known = (known.with_columns_seq if self._last else known.with_columns)(step)
            if self._program is None:
                self._program = fitting(self._plan.trees, known)
            leaves = self._program.leaves(known)
            if self._last is not None and leaves.begins(self._last[0]):
                flags[:] = self._last[1][:, : len(bars)]
            else:
                self._program.run(leaves, flags)
            left = [*self._plan.roots, *(tree.expression for tree in self._program.left)]
            if left:
                found = _flags(known, left)
                flags[[int(name) for name in found.columns]] = found.to_numpy().T
        except pl.exceptions.PolarsError as error:
            raise StrategyError(refusal(_MUST_GIVE, error, bars.columns)) from error
        self._last = self._last or (leaves, flags)
        return flags


def _flags(known: pl.DataFrame, expressions: Sequence[pl.Expr]) -> pl.DataFrame:
    # The row numbers give constants the right length.
    found = known.select(pl.int_range(pl.len()).alias(_ROW), *expressions)
    found.drop_in_place(_ROW)
    if found.width != len(expressions):
        raise pl.exceptions.ColumnNotFoundError("it gives no column")
    numbers = [name for name, dtype in found.schema.items() if dtype != pl.Boolean]
    if numbers:
        found = found.with_columns(
            pl.col(numbers).cast(pl.Float64).fill_nan(None)
            > 0.0  # otherwise NaN would be above every number
        )
    return found.select(pl.all().cast(pl.Int8).fill_null(MISSING))


def bad_places(bars: pl.DataFrame, expressions: Sequence[pl.Expr]) -> dict[int, Exception]:
    """Return the expressions that cannot be evaluated, each with the error."""
    wrong: dict[int, Exception] = {}
    for place, expression in enumerate(expressions):
        try:
            _flags(bars, [expression.alias("0")])
        except pl.exceptions.PolarsError as error:
            wrong[place] = StrategyError(refusal(_MUST_GIVE, error, bars.columns))
        except Exception as error:  # noqa: BLE001 - of a user's function in the expression
            wrong[place] = error
    return wrong
