"""Lists of what a strategy asks for together.

The rule: an iterator that never ends is refused in a moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

MOST_ASKED_FOR: Final = 100_000
"""Assets or fields that an iterator may give; no market has as many."""


def whole_list(values: Iterable[Any]) -> list[Any]:
    """Return what an iterable gives as a list.

    Raises:
        ValueError: it gives more than can be meant.
    """
    if hasattr(values, "__len__"):
        return list(values)
    found = list(islice(values, MOST_ASKED_FOR + 1))
    if len(found) > MOST_ASKED_FOR:
        raise ValueError(
            f"an iterator of assets or fields must end: it gave more than {MOST_ASKED_FOR:,}"
        )
    return found
