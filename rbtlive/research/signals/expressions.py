"""Many expressions over the bars of one asset, evaluated together.

The rule: a value at a row depends on rows up to it; what depends on later ones is
refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from rbtlive.data.windows.indicators import PREFIXES
from rbtlive.errors import LookAheadIndicator, StrategyError
from rbtlive.model.arrays import NDArray, np

MISSING: Final = -1
_ROW: Final = "rbtlive row"


class SignalTable:
    """Boolean expressions, each evaluated once however many runs use it."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self.expressions: list[pl.Expr] = []

    def add(self, expression: pl.Expr) -> int:
        """Return the place of an expression, the same for equal ones."""
        key = expression.meta.serialize()
        place = self._places.setdefault(key, len(self.expressions))
        if place == len(self.expressions):
            self.expressions.append(expression)
        return place

    def evaluate(self, bars: pl.DataFrame, *, symbol: str, check: bool) -> NDArray[np.int8]:
        """Return all expressions over an asset's bars, rows x expressions: 1 where true
        (a number: above zero), 0 where not, -1 where missing.

        Args:
            bars: The bars, oldest first.
            symbol: Of which asset, for messages.
            check: Whether to look for values that change once later rows are known.

        Raises:
            LookAheadIndicator: an expression looks ahead.
            StrategyError: an expression cannot be evaluated.
        """
        whole = _evaluated(bars, self.expressions)
        if check and len(bars) > 1:
            half = len(bars) // 2
            self._require_same(_evaluated(bars.head(half), self.expressions), whole, symbol)
            few = self.expressions[:2]
            lengths = np.unique(np.geomspace(1, len(bars) - 1, PREFIXES).astype(int))
            for length in lengths.tolist():
                self._require_same(_evaluated(bars.head(length), few), whole[:, :2], symbol)
        return whole

    def _require_same(
        self, shorter: NDArray[np.int8], whole: NDArray[np.int8], symbol: str
    ) -> None:
        differs = shorter != whole[: len(shorter)]
        if differs.any():
            row, place = np.argwhere(differs)[0].tolist()
            raise LookAheadIndicator(
                f"a signal must not look ahead: of {symbol}, the value at bar {row} is another "
                f"over the first {len(shorter)} bars than once later bars are known: "
                f"{self.expressions[place]}; use shift(1) or rolling windows, not shift(-1), "
                "reverse() or whole-column totals"
            )


def _evaluated(bars: pl.DataFrame, expressions: Sequence[pl.Expr]) -> NDArray[np.int8]:
    named = [expression.alias(str(place)) for place, expression in enumerate(expressions)]
    try:
        # The row numbers give constants their length.
        found = bars.select(pl.int_range(pl.len()).alias(_ROW), *named).drop(_ROW)
        numbers = [name for name, dtype in found.schema.items() if dtype != pl.Boolean]
        if numbers:
            found = found.with_columns(
                pl.col(numbers).cast(pl.Float64).fill_nan(None) > 0.0  # NaN is above all else
            )
        flags = found.select(pl.all().cast(pl.Int8).fill_null(MISSING))
    except pl.exceptions.PolarsError as error:
        raise StrategyError(
            f"a signal must give one number or truth value a bar: {error}; use the columns "
            f"{', '.join(bars.columns)}"
        ) from error
    return np.ascontiguousarray(flags.to_numpy(), dtype=np.int8)


def bad_places(bars: pl.DataFrame, expressions: Sequence[pl.Expr]) -> dict[int, str]:
    """Return which expressions cannot be evaluated, each with what is wrong."""
    wrong = {}
    for place, expression in enumerate(expressions):
        try:
            _evaluated(bars, [expression])
        except StrategyError as error:
            wrong[place] = str(error)
    return wrong
