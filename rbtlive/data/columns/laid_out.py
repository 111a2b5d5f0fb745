"""A further column on the rows of a table.

The rule: a row after the last one that the data covers has no value.
"""

from __future__ import annotations

from dataclasses import dataclass

from rbtlive.model.arrays import NDArray, np


@dataclass(frozen=True, slots=True)
class LaidOut:
    """A column on the rows of a table.

    Attributes:
        matrix: Rows x assets, from the table's first row on; NaN for missing values.
        last_row: The last row that the data covers.
    """

    matrix: NDArray[np.float64]
    last_row: int
