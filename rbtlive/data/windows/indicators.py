"""Columns that a strategy computes from an asset's bars, as polars expressions.

The rule: the value at a row is the expression's value over the rows up to it; an
expression whose value changes with later rows is refused.

When rows come one by one, each column is evaluated again over all of them: polars'
rolling sums, means and deviations carry a running sum from the first row on, so
evaluating only the last rows would differ in the last bit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import polars as pl

from rbtlive.data.bars.bar_reads import Floats
from rbtlive.data.windows.causal_expressions import is_causal
from rbtlive.data.windows.history import BASE_FIELD, History
from rbtlive.errors import LookAheadIndicator, StrategyError
from rbtlive.model.arrays import np
from rbtlive.model.other_names import what_to_write

PREFIXES = 32
"""Number of prefixes of a column on which an expression is tested, each longer than the
last by a constant factor: three times the column in total.
"""
WATCHED = 2
"""So many expressions of each shape are tried on all beginnings."""
LATER_PREFIXES = 8
"""How many beginnings later ones of the same shape are tried on."""
CAUSAL_PREFIXES = 4
"""How many beginnings are tried of an expression that takes no later row by what it
says, if no bar is missing.
"""
_NUMBERS = re.compile(r"\d+(\.\d+)?")


class Indicators:
    """Named expressions over the bars of one table, as seen from now.

    Args:
        history: Provides each asset's adjusted bars.
        first_sessions: First session of each asset's life; its rows begin there.

    Attributes:
        expressions: By name, in the order they were added.
    """

    def __init__(self, history: History, first_sessions: Sequence[int]) -> None:
        self._history = history
        self._first_sessions = first_sessions
        self.expressions: dict[str, pl.Expr] = {}
        self._fields: dict[str, tuple[str, ...]] = {}
        self._keys: dict[str, bytes | None] = {}  # keys under which runs over the table share them
        self._causal: dict[str, bool] = {}
        self._columns: dict[
            tuple[int, str], tuple[int, Floats]
        ] = {}  # with the number of factors at their computation
        self._flat: dict[
            tuple[int, str], tuple[int, Sequence[float]]
        ] = {}  # with the history's number of changes

    def __contains__(self, name: object) -> bool:
        return name in self.expressions

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all indicators, in the order they were added."""
        return tuple(self.expressions)

    def add(self, name: str, expression: pl.Expr) -> None:
        """Add or replace an indicator; an asset's column is computed when it is first
        read.

        Raises:
            StrategyError: the name is a field's, or `expression` is not a polars
                expression.
        """
        if not isinstance(expression, pl.Expr):
            raise StrategyError(
                f"indicator {name!r} must be a Polars expression: was {expression!r}; see pl.col()"
            )
        if (
            not isinstance(name, str)
            or not name
            or name in (*BASE_FIELD, "last_traded", "contract")
        ):
            raise StrategyError(
                f"an indicator needs a name that is not a field: was {name!r}; pick another"
            )
        self.expressions[name] = expression
        self._causal.pop(name, None)
        self._fields[name] = fields_of(expression, self._history)
        self._keys[name] = None if self._history.table.computed is None else text_of(expression)
        for key in [key for key in self._columns if key[1] == name]:
            del self._columns[key]
            self._flat.pop(key, None)

    def forget(self) -> None:
        """Forget all columns: some earlier bars are others."""
        self._columns.clear()
        self._flat.clear()

    def flat(self, index: int, name: str) -> Sequence[float] | None:
        """Return a column as one sequence of floats, valid until factors are recorded;
        None if it ends with today's rows.
        """
        if not self._history.table.frozen:
            return None
        return cast(Sequence[float], memoryview(cast(Any, self._column(index, name))))

    def value(self, index: int, name: str, row: int) -> float:
        """Return the value at a row; NaN if it is missing."""
        known = self._flat.get((index, name))
        if known is not None and known[0] == self._history.changes:
            return known[1][row]
        flat = cast(Sequence[float], memoryview(cast(Any, self._column(index, name))))
        if self._history.table.frozen:  # otherwise the column ends with today's rows
            self._flat[index, name] = (self._history.changes, flat)
        return flat[row]

    def values(self, index: int, name: str, low: int, high: int) -> Floats:
        """Return the values of rows `low` to `high` - 1; NaN if missing."""
        return self._column(index, name)[low:high]

    def _column(self, index: int, name: str) -> Floats:
        table, factors = self._history.table, self._history.factor_count(index)
        known = self._columns.get((index, name))
        if known is not None and known[0] == factors and len(known[1]) == table.rows:
            return known[1]
        shared, key = table.computed, (index, self._keys[name], factors)
        if shared is not None and self._keys[name] is not None:
            column = shared.get(key)
            if column is None:
                column = self._compute(index, name, known)
                shared.keep(key, column)
        else:
            column = self._compute(index, name, known)
        self._columns[index, name] = (factors, column)
        return column

    def _compute(self, index: int, name: str, known: tuple[int, Floats] | None) -> Floats:
        table = self._history.table
        factors = self._history.factor_count(index)
        first = table.rows_of_session(self._first_sessions[index])[0]
        bars = self._history.bars(index, first, self._fields[name])
        values = self._evaluate(name, bars)
        column = _floats(values)
        if known is None:
            self._try_prefixes(name, index, bars=bars, values=values)
        elif known[0] == factors:  # the same bars and some later ones
            self._require_same(name, index, shorter=known[1][first:], longer=column)
        if first:
            column = np.concatenate([np.full(first, np.nan), column])
        column.setflags(write=False)
        return column

    def _evaluate(self, name: str, bars: pl.DataFrame) -> pl.Series:
        expression = self.expressions[name].alias(name).cast(pl.Float64)
        try:
            found = bars.select_seq(expression)  # a third less than `with_columns`
            if found.shape != (len(bars), 1):  # one value for all rows, or a fault
                found = bars.with_columns(expression)
            return found[name]
        except pl.exceptions.PolarsError as error:
            what = f"indicator {name!r} must give one number a bar"
            raise StrategyError(refusal(what, error, columns_of(self._history))) from error

    def _try_prefixes(
        self, name: str, index: int, *, bars: pl.DataFrame, values: pl.Series
    ) -> None:
        last = max(1, len(bars) - 1)
        if self._is_causal(name, bars):
            lengths = np.unique(np.geomspace(1, last, CAUSAL_PREFIXES).astype(int))
        elif self._is_watched(name, index):
            lengths = np.unique(np.geomspace(1, last, PREFIXES).astype(int))
        else:
            lengths = np.unique(np.linspace(1, last, LATER_PREFIXES + 1)[1:].astype(int))
        for length in lengths[lengths < len(bars)].tolist():
            shorter = self._evaluate(name, bars.head(length))
            if not shorter.equals(values.head(length)):  # for polars, a null is not NaN
                self._require_same(name, index, shorter=_floats(shorter), longer=_floats(values))

    # With missing bars, polars may compute a beginning without any in another way.
    def _is_causal(self, name: str, bars: pl.DataFrame) -> bool:
        if any(column.null_count() for column in bars.iter_columns()):
            return False
        if name not in self._causal:
            self._causal[name] = is_causal(self.expressions[name])
        return self._causal[name]

    # Expressions that differ only in numbers look ahead alike: in a sweep the first few
    # of a shape are tried on all beginnings, later ones on fewer.
    def _is_watched(self, name: str, index: int) -> bool:
        shared = self._history.table.computed
        if shared is None or self._keys[name] is None:
            return True
        return shared.times_before((index, shape_of(self.expressions[name]))) < WATCHED

    def _require_same(self, name: str, index: int, *, shorter: Floats, longer: Floats) -> None:
        longer = longer[: len(shorter)]
        if np.array_equal(
            shorter.view(np.int64), longer.view(np.int64)
        ):  # a third of the cost of checking for NaN
            return
        if np.array_equal(shorter, longer, equal_nan=True):
            return
        symbol = self._history.table.symbols[index]
        raise LookAheadIndicator(
            f"indicator {name!r} must not look ahead: of {symbol}, the values over the first "
            f"{len(shorter)} bars are others "
            "once later bars are known; use shift(1) or rolling windows, not shift(-1), reverse() "
            "or whole-column totals"
        )


# NaN for null, at a third of to_numpy's cost.
def _floats(values: pl.Series) -> Floats:
    return values.fill_null(np.nan).to_numpy()


_OF_PYTHON = (b"PLPY", b"pickle", b"AnonymousFunction")


def text_of(expression: pl.Expr) -> bytes | None:
    """Return bytes that identify an expression; None for one that calls Python
    functions, whose result may change.
    """
    try:
        written = expression.meta.serialize()
    except (pl.exceptions.PolarsError, TypeError, ValueError, AttributeError):
        return None
    return None if any(mark in written for mark in _OF_PYTHON) else written


def shape_of(expression: pl.Expr) -> str:
    """Return the text of an expression without its numbers."""
    return _NUMBERS.sub("#", str(expression))


def fields_of(expression: pl.Expr, history: History) -> tuple[str, ...]:
    """Return the columns of a history over which an expression is evaluated: those it
    names, or all fields of a bar if it names none.
    """
    named = dict.fromkeys(expression.meta.root_names())
    others = [name for name in named if name not in BASE_FIELD]
    further: tuple[str, ...] = ()
    if others and history.further is not None:
        further = history.further.in_expression(others, history.table)
    if named and len(further) == len(others) and not expression.meta.has_multiple_outputs():
        return (*(field for field in BASE_FIELD if field in named), *further)
    return (*BASE_FIELD, *further)


def refusal(what: str, error: Exception, columns: Sequence[str]) -> str:
    """Return the message for an expression that polars cannot evaluate.

    Args:
        what: What it must give.
        error: The error of polars.
        columns: The columns that it may name.
    """
    text = str(error).partition("\n")[0]
    if "duplicate" in text:
        why = (
            "it gives several columns; name one, or join them, e.g. by & and | or by "
            "pl.max_horizontal()"
        )
    elif "length" in text:
        why = (
            "it gives more or fewer values than there are bars; use shift() and rolling windows, "
            "not filter(), head() or unique()"
        )
    elif isinstance(error, pl.exceptions.ColumnNotFoundError):
        why = text.partition("; valid")[0]
        named = re.search('"(.*?)"', text)
        hint = what_to_write(named[1], {}, columns) if named else None
        if hint:
            why += f"; {hint}"
    else:
        why = text
    return f"{what}: {why}; use the columns {', '.join(columns)}"


def columns_of(history: History) -> tuple[str, ...]:
    """Return the columns that an expression may name."""
    return (*BASE_FIELD, *(() if history.further is None else history.further.names))
