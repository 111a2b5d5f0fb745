"""Columns that were computed from bars, within a limit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, TypeAlias

from rbtlive.model.arrays import NDArray, np

Floats: TypeAlias = "NDArray[np.float64]"

KEPT_VALUES: Final = 4_000_000
"""So many values of indicators are kept beside a table."""


class ColumnCache:
    """Columns that were computed from a table's bars; the oldest go first.

    Args:
        most: How many values are kept.
    """

    __slots__ = ("_columns", "_most", "_values")

    def __init__(self, most: int = KEPT_VALUES) -> None:
        self._columns: OrderedDict[Hashable, Floats] = OrderedDict()
        self._values, self._most = 0, most

    def get(self, key: Hashable) -> Floats | None:
        """Return a column, or None."""
        return self._columns.get(key)

    def keep(self, key: Hashable, column: Floats) -> None:
        """Keep a column that will not change."""
        self._columns[key] = column
        self._values += len(column)
        while self._values > self._most:
            _, gone = self._columns.popitem(last=False)
            self._values -= len(gone)
