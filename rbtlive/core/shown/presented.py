"""What the presenters of polars and of pandas have in common.

The rule: no library's own kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from rbtlive.model.asset import Asset

Cut: TypeAlias = Callable[[int, int], Any]
"""Gives the rows from one to another of a table that was prepared."""


def record_name(name: object) -> str:
    """Return the name of a recorded value: of an asset its symbol."""
    return name.symbol if isinstance(name, Asset) else str(name)
