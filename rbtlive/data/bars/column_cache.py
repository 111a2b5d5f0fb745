"""A limited cache of columns computed from bars.

The rule: a column that is kept never changes; beyond the limit, the oldest go first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from rbtlive.data.bars.bar_reads import Floats

KEPT_VALUES: Final = 4_000_000
"""Maximum number of indicator values kept with a table."""
KEPT_COUNTS: Final = 10_000
"""Maximum number of kinds of columns that are counted; then counting starts again."""


class ColumnCache:
    """Columns computed from a table's bars; the oldest are removed first.

    Args:
        most: Maximum number of values.
    """

    __slots__ = ("_columns", "_counts", "_most", "_values")

    def __init__(self, most: int = KEPT_VALUES) -> None:
        self._columns: OrderedDict[Hashable, Floats] = OrderedDict()
        self._values, self._most = 0, most
        self._counts: dict[Hashable, int] = {}

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

    def times_before(self, kind: Hashable) -> int:
        """Count one more column of a kind; return how many there were before."""
        if len(self._counts) >= KEPT_COUNTS:
            self._counts.clear()
        before = self._counts.get(kind, 0)
        self._counts[kind] = before + 1
        return before
