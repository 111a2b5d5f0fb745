"""Rows of a table on their way to a larger place, some at a time.

The rule: the old place is the table until all rows have moved; a row that changes
there after it was moved is moved again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rbtlive.data.bars.bar_reads import Floats
from rbtlive.model.arrays import NDArray, np


class MovingRows:
    """The larger arrays that a growing table moves into, and how far it has.

    Args:
        matrices: The table's, by field.
        capacity: How many rows the larger place has.

    Attributes:
        capacity: See above.
    """

    def __init__(self, matrices: Mapping[str, Floats], capacity: int) -> None:
        self.capacity = capacity
        # Memory that nobody has written to is not taken yet.
        self._matrices = {
            field: np.empty((capacity, matrix.shape[1]), dtype=matrix.dtype)
            for field, matrix in matrices.items()
        }
        self._moved = 0

    def move(self, matrices: Mapping[str, Floats], rows: int, *, by: int, left: int) -> None:
        """Move so many rows that all have moved when the old place is full.

        Args:
            matrices: The table's.
            rows: How many rows it has.
            by: How many of the rows that are left are taken now.
            left: How many are left in the old place.
        """
        waiting = rows - self._moved
        self._copy(matrices, min(rows, self._moved + by - (-waiting * by // max(left, 1))))

    def set_back(self, row: int) -> None:
        """Move a row again: it has changed."""
        self._moved = min(self._moved, row)

    def finish(self, matrices: Mapping[str, Floats], rows: int) -> dict[str, Floats]:
        """Move the rest, and return the larger place."""
        self._copy(matrices, rows)
        return self._matrices

    def _copy(self, matrices: Mapping[str, Floats], end: int) -> None:
        begin = self._moved
        for field, matrix in self._matrices.items():
            matrix[begin:end] = matrices[field][begin:end]
        self._moved = max(begin, end)


def longer(array: NDArray[Any], rows: int, capacity: int) -> NDArray[Any]:
    """Return the first rows of an array in one of another length."""
    grown = np.empty(capacity, dtype=array.dtype)
    grown[:rows] = array[:rows]
    return grown
