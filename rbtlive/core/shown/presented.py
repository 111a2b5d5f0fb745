"""Code that the polars and pandas presenters share.

The rule: it uses no types of either library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from rbtlive.model.asset import Asset

Cut: TypeAlias = Callable[[int, int], Any]
"""Returns a range of rows of a prepared table."""


def record_name(name: object) -> str:
    """Return the name of a recorded value: an asset's symbol, otherwise its text."""
    return name.symbol if isinstance(name, Asset) else str(name)
