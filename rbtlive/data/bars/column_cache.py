"""A limited cache of columns computed from bars."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, TypeAlias

from rbtlive.model.arrays import NDArray, np

Floats: TypeAlias = "NDArray[np.float64]"

KEPT_VALUES: Final = 4_000_000
"""Maximum number of indicator values kept with a table."""


class ColumnCache:
    """Columns computed from a table's bars; the oldest are removed first.

    Args:
        most: Maximum number of values.
    """

    __slots__ = ("_columns", "_most", "_values")

    def __init__(self, most: int = KEPT_VALUES) -> None:
        self._columns: OrderedDict[Hashable, Floats] = OrderedDict()
        self._values, self._most = 0, most

    def get(self, key: Hashable) -> Floats | None:
        """Return a column, or None."""
        return self._columns.get(key)

    def keep(self, key: Hashable, column: Floats) -> None:
        """Cache a column, which must not change."""
        self._columns[key] = column
        self._values += len(column)
        while self._values > self._most:
            _, gone = self._columns.popitem(last=False)
            self._values -= len(gone)
