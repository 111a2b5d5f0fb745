"""How much a source may give at once.

The rule: one thing that a source gives cannot hold the loop for long.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rbtlive.model.events import Event, SystemErrorEvent

if TYPE_CHECKING:
    from rbtlive.data.feeds.slices import SliceBuilder

MOST_BARS: Final = 50_000
"""Bars in one list; no market has as many symbols."""


def taken(item: object, builder: SliceBuilder) -> Iterator[Event]:
    """Return what follows from one thing that a source gave.

    Args:
        item: What it gave.
        builder: Takes it.
    """
    if isinstance(item, (list, tuple)) and len(item) > MOST_BARS:
        text = (
            f"a list of {len(item):,} bars was left out: at most {MOST_BARS:,} come at once; give "
            "them in several lists"
        )
        return iter((SystemErrorEvent(timestamp=builder.now, message=text, source="feed"),))
    return builder.add(item)
