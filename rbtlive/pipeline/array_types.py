"""Names for the arrays that terms compute with.

The rule: a name says what an array holds; its dtype, where it may be several, is the
term's.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from rbtlive.model.arrays import NDArray, np

Values: TypeAlias = "NDArray[Any]"
"""Values of assets, one a column; rows are days, where there are several."""
Mask: TypeAlias = "NDArray[np.bool_]"
"""Which of them are meant."""
Places: TypeAlias = "NDArray[np.intp]"
"""Where some of them are."""
