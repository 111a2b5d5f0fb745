"""How much a source may give at once.

The rule: one thing that a source gives cannot hold the loop for long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from rbtlive.model.events import Event, SystemErrorEvent

MOST_BARS: Final = 50_000
"""Bars in one list; no market has as many symbols."""


def taken(
    item: object, add: Callable[[object], Iterator[Event]], now: Callable[[], datetime]
) -> Iterator[Event]:
    """Return what follows from one thing that a source gave.

    Args:
        item: What it gave.
        add: Takes it, as `SliceBuilder.add` does.
        now: Tells the time of what is said of it.
    """
    if isinstance(item, (list, tuple)) and len(item) > MOST_BARS:
        text = (
            f"a list of {len(item):,} bars was left out: at most {MOST_BARS:,} come at once; give "
            "them in several lists"
        )
        return iter((SystemErrorEvent(timestamp=now(), message=text, source="feed"),))
    return add(item)
