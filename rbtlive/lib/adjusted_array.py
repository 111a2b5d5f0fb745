"""A loader's answer in zipline's form: a table of values, and later changes to them.

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
        adjustments: Adjustments by the row of the first day that sees them.
        missing_value: The value that means missing.
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
            window_length: Number of rows in a window.
            offset: Number of rows skipped before the first window.

        Raises:
            WindowLengthNotPositive: the length is below 1.
            WindowLengthTooLong: the length exceeds the number of rows.
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
