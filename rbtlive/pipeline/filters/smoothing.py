"""Filters over the last days of another filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rbtlive.pipeline.array_types import Mask, Values
from rbtlive.pipeline.filters.filter import CustomFilter
from rbtlive.pipeline.rolling import known_counts
from rbtlive.pipeline.whole import plain_table
from rbtlive.pipeline.windows import InputWindows


# On how many days of each window the input held; None if it is no table of yes and no.
def _days(windows: Sequence[InputWindows], mask: Mask, length: int) -> Values | None:
    values = plain_table(windows, mask)
    return None if values is None or values.dtype != bool else known_counts(~values, length)


class All(CustomFilter):
    """Whether the input was True on all days of the window."""

    def compute(self, today: Any, assets: Any, out: Any, *inputs: Any) -> None:
        """Write whether all days were True."""
        del today, assets
        out[:] = inputs[0].sum(axis=0) == self.window_length

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Mask | None:
        days = _days(windows, mask, self.window_length)
        return None if days is None else (days == self.window_length) & mask


class Any_(CustomFilter):  # noqa: N801 - it is exported as Any, zipline's name
    """Whether the input was True on any day of the window."""

    def compute(self, today: Any, assets: Any, out: Any, *inputs: Any) -> None:
        """Write whether any day was True."""
        del today, assets
        out[:] = inputs[0].sum(axis=0) > 0

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Mask | None:
        days = _days(windows, mask, self.window_length)
        return None if days is None else (days > 0) & mask


class AtLeastN(CustomFilter):
    """Whether the input was True on at least N days of the window."""

    params: Any = ("N",)

    def compute(self, today: Any, assets: Any, out: Any, *inputs: Any, **params: Any) -> None:
        """Write whether at least N days were True."""
        del today, assets
        out[:] = inputs[0].sum(axis=0) >= params["N"]

    def _whole(self, windows: Sequence[InputWindows], mask: Mask) -> Mask | None:
        days = _days(windows, mask, self.window_length)
        return None if days is None else (days >= self.params["N"]) & mask
