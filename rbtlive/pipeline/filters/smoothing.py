"""Filters over the last days of another filter."""

from __future__ import annotations

from typing import Any

from rbtlive.pipeline.filters.filter import CustomFilter


class All(CustomFilter):
    """Whether the input was True on all days of the window."""

    def compute(self, today: Any, assets: Any, out: Any, *inputs: Any) -> None:
        """Write whether all days were True."""
        del today, assets
        out[:] = inputs[0].sum(axis=0) == self.window_length


class Any_(CustomFilter):  # noqa: N801 - it is exported as Any, zipline's name
    """Whether the input was True on any day of the window."""

    def compute(self, today: Any, assets: Any, out: Any, *inputs: Any) -> None:
        """Write whether any day was True."""
        del today, assets
        out[:] = inputs[0].sum(axis=0) > 0


class AtLeastN(CustomFilter):
    """Whether the input was True on at least N days of the window."""

    params: Any = ("N",)

    def compute(self, today: Any, assets: Any, out: Any, *inputs: Any, **params: Any) -> None:
        """Write whether at least N days were True."""
        del today, assets
        out[:] = inputs[0].sum(axis=0) >= params["N"]
