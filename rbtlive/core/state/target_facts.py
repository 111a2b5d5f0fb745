"""What a target of one asset needs, beside the close, to be sized again.

The rule: the facts are of one state of the books, in one session.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

SHARES: Final = "shares"
VALUE: Final = "value"
PERCENT: Final = "percent"

TargetFacts: TypeAlias = tuple[
    float | None, str, int, int, int, int, float, float, int | None, Sequence[float] | None
]
"""The target, and what it is of; versions of the portfolio and of the open orders, and
number of the session, for which these facts hold; index of the asset; money and shares,
so that `money / close - shares` is missing; what is missing at any close, None if
that depends on it; and the asset's closes by row, None if rows are added. A plain
tuple: it costs no call.
"""

NO_FACTS: Final[TargetFacts] = (None, "", -1, -1, -1, -1, 0.0, 0.0, None, None)
"""These hold for no books."""
