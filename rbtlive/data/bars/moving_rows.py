"""Move rows of a table to larger arrays, some at a time.

The rule: the old arrays are the table until all rows have moved; a row that changes
after it was moved is moved again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rbtlive.data.bars.bar_reads import Floats
from rbtlive.model.arrays import NDArray, np


class MovingRows:
    """The larger arrays that a growing table moves into, and the progress so far.

    Args:
        matrices: The table's arrays, by field.
        capacity: Number of rows in the larger arrays.

    Attributes:
        capacity: Number of rows in the larger arrays.
    """

    def __init__(self, matrices: Mapping[str, Floats], capacity: int) -> None:
        self.capacity = capacity
        # Memory that was never written to takes no space yet.
        self._matrices = {
            field: np.empty((capacity, matrix.shape[1]), dtype=matrix.dtype)
            for field, matrix in matrices.items()
        }
        self._moved = 0

    def move(self, matrices: Mapping[str, Floats], rows: int, *, by: int, left: int) -> None:
        """Move enough rows that all have moved by the time the old arrays are full.

        Args:
            matrices: The table's arrays.
            rows: Number of rows in the table.
            by: Number of the remaining free rows used now.
            left: Number of free rows left in the old arrays.
        """
        waiting = rows - self._moved
        self._copy(matrices, min(rows, self._moved + by - (-waiting * by // max(left, 1))))

    def set_back(self, row: int) -> None:
        """Move a row again, because it has changed."""
        self._moved = min(self._moved, row)

    def finish(self, matrices: Mapping[str, Floats], rows: int) -> dict[str, Floats]:
        """Move the rest, and return the larger arrays."""
        self._copy(matrices, rows)
        return self._matrices

    def _copy(self, matrices: Mapping[str, Floats], end: int) -> None:
        begin = self._moved
        for field, matrix in self._matrices.items():
            matrix[begin:end] = matrices[field][begin:end]
        self._moved = max(begin, end)


def longer(array: NDArray[Any], rows: int, capacity: int) -> NDArray[Any]:
    """Return a new array of length `capacity` with the first rows of `array`."""
    grown = np.empty(capacity, dtype=array.dtype)
    grown[:rows] = array[:rows]
    return grown
