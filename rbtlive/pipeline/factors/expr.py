"""A factor written as a polars expression over daily bars.

The rule: a day's values come from the bars before it, adjusted to that day; an
expression whose value changes with later bars is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import polars as pl

from rbtlive.errors import LookAheadIndicator, StrategyError
from rbtlive.model.arrays import np
from rbtlive.model.bar import OHLCV
from rbtlive.pipeline.array_types import Mask
from rbtlive.pipeline.data.equity_pricing import EquityPricing
from rbtlive.pipeline.factors.factor import Factor
from rbtlive.pipeline.kinds import registered
from rbtlive.pipeline.term import FLOAT
from rbtlive.pipeline.windows import Loaded


@registered("ExprFactor")
class ExprFactor(Factor):
    """A polars expression as a factor; made by `Factor.from_expr`.

    Attributes:
        text: The expression in polars' serialized form.
    """

    dtype = FLOAT
    window_length = 0
    text: str
    expression: Any

    def __new__(cls, expression: Any, *, window_safe: bool = False) -> Any:
        """Return the term for an expression.

        Raises:
            StrategyError: `expression` is not a polars expression.
        """
        if not isinstance(expression, pl.Expr):
            raise StrategyError(
                f"Factor.from_expr() takes a polars expression: was {expression!r}; write e.g. "
                'pl.col("close").rolling_mean(10).over("symbol")'
            )
        made = super().__new__(
            cls,
            inputs=[getattr(EquityPricing, field) for field in _read_by(expression)],
            window_safe=window_safe,
            facts={"text": expression.meta.serialize(format="binary")},
        )
        object.__setattr__(made, "expression", expression)
        return made

    def __reduce__(self) -> Any:
        return partial(ExprFactor, window_safe=self.window_safe), (self.expression,)

    _reads_history = True  # each column as loaded

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Mask) -> Any:
        frames = _Restated(inputs, [one.name for one in self.inputs], len(assets))
        out = np.full(mask.shape, np.nan)
        rows = len(inputs[0].values)
        first = rows - len(dates)
        known = None
        for row in range(len(dates)):
            last = first + row
            if known is None or frames.changes_at(last):
                until = frames.next_change(last, rows)
                frame = frames.at(last, until)
                known = self._values(frame, len(assets))
                if until > last + 1:
                    shorter = frame.filter(pl.col("date") <= last)
                    self._check(shorter, known[: last + 1], len(assets))
            out[row] = known[last]
        return np.where(mask, out, np.nan)

    def _values(self, frame: pl.DataFrame, width: int) -> Any:
        found = frame.select(self.expression.cast(pl.Float64).alias("value"))["value"]
        if len(found) != len(frame):
            raise StrategyError(
                f"an expression of from_expr() must give a value a row: gave {len(found)} for "
                f"{len(frame)} rows"
            )
        return found.fill_null(float("nan")).to_numpy().reshape(width, -1).T

    # Results computed with fewer known days must be the same.
    def _check(self, shorter: pl.DataFrame, known: Any, width: int) -> None:
        alone = self._values(shorter, width)
        same = np.isclose(alone, known, rtol=1e-9, atol=1e-12, equal_nan=True)
        if not same.all():
            row = int(np.argwhere(~same)[0][0])
            raise LookAheadIndicator(
                "the expression of from_expr() must not look ahead: its value "
                f"{len(alone) - 1 - row} "
                "sessions back changes once later bars are known; use rolling or lagged values"
            )

    def __repr__(self) -> str:
        return f"Factor.from_expr({self.expression})"


# The fields that an expression reads; all of them, if its names leave that open.
def _read_by(expression: pl.Expr) -> Sequence[str]:
    names = set(expression.meta.root_names())
    fields = [field for field in OHLCV if field in names]
    certain = fields and names <= {"date", "symbol", *fields}
    return fields if certain and not expression.meta.has_multiple_outputs() else OHLCV


class _Restated:
    """Bars, adjusted to one day after another, as frames sorted by symbol and date."""

    def __init__(self, inputs: Sequence[Loaded], names: Sequence[str], width: int) -> None:
        self._width = width
        self._values = {name: one.values for name, one in zip(names, inputs, strict=True)}
        changes = [
            (change.row, number, name, change)
            for name, one in zip(names, inputs, strict=True)
            for number, change in enumerate(one.restatements)
        ]
        for name in {name for _row, _number, name, _change in changes}:
            self._values[name] = self._values[name].copy()
        self._waiting = sorted(changes)[::-1]
        self._rows = {row for row, *_rest in changes}

    def changes_at(self, row: int) -> bool:
        return row in self._rows

    def next_change(self, row: int, rows: int) -> int:
        return min((change for change in self._rows if change > row), default=rows)

    # Rows before `until`, as seen on the morning of row `day`, which never decreases.
    def at(self, day: int, until: int) -> pl.DataFrame:
        while self._waiting and self._waiting[-1][0] <= day:
            row, _number, name, change = self._waiting.pop()
            self._values[name][: row + 1, change.column] *= change.ratio
        columns: dict[str, Any] = {
            "date": np.tile(np.arange(until), self._width),
            "symbol": np.repeat(np.arange(self._width), until),
        }
        for name, values in self._values.items():
            columns[name] = pl.Series(values[:until].T.reshape(-1), nan_to_null=True)
        return pl.DataFrame(columns)
