"""A loader's answer: a table of values, and what changes them later; zipline's form.

The rule: a window shows the values as they were known on its last day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rbtlive.errors import WindowLengthNotPositive, WindowLengthTooLong
from rbtlive.lib.adjustment import Adjustment


class AdjustedArray:
    """Values with adjustments.

    Args:
        data: Days x assets.
        adjustments: By the row of the first day that sees them.
        missing_value: What stands for a missing value.
    """

    def __init__(
        self, data: Any, adjustments: Mapping[int, Iterable[Adjustment]], missing_value: Any
    ) -> None:
        self.data = data
        self.adjustments = adjustments
        self.missing_value = missing_value

    def traverse(self, window_length: int, offset: int = 0) -> Iterator[Any]:
        """Return the windows of each day, read-only, days x assets.

        Args:
            window_length: How many rows a window has.
            offset: How many rows before the first window are left out.

        Raises:
            WindowLengthNotPositive: the length is below 1.
            WindowLengthTooLong: it is above the number of rows.
        """
        from rbtlive.pipeline.loaders.base import as_loaded
        from rbtlive.pipeline.windows import InputWindows

        rows = len(self.data)
        if window_length < 1:
            raise WindowLengthNotPositive(f"window_length must be at least 1: was {window_length}")
        if window_length > rows:
            raise WindowLengthTooLong(
                f"window_length must be at most {rows}, the number of rows: was {window_length}"
            )
        return InputWindows(as_loaded(self.data, self.adjustments).tail(offset), window_length)
