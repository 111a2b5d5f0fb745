"""Names for the types of arrays that terms compute with.

The rule: a name says what an array contains; if several dtypes are possible, the term
decides.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from rbtlive.model.arrays import NDArray, np

Values: TypeAlias = "NDArray[Any]"
"""Values of assets, one per column; with several rows, one row per day."""
Mask: TypeAlias = "NDArray[np.bool_]"
"""Which values are selected."""
Places: TypeAlias = "NDArray[np.intp]"
"""Indices of some values."""
