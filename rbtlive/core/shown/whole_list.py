"""Turn the assets or fields that a strategy requests together into a list.

The rule: an endless iterator is refused quickly.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

MOST_ASKED_FOR: Final = 100_000
"""Maximum number of assets or fields from an iterator; no market has this many."""


def whole_list(values: Iterable[Any]) -> list[Any]:
    """Return the values of an iterable as a list.

    Raises:
        ValueError: it gives more than any request can mean.
    """
    if hasattr(values, "__len__"):
        return list(values)
    found = list(islice(values, MOST_ASKED_FOR + 1))
    if len(found) > MOST_ASKED_FOR:
        raise ValueError(
            f"an iterator of assets or fields must end: it gave more than {MOST_ASKED_FOR:,}"
        )
    return found
