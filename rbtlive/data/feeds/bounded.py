"""Limit on how much a source may give at once.

The rule: no single item of a source can block the loop for long.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rbtlive.model.events import Event, SystemErrorEvent

if TYPE_CHECKING:
    from rbtlive.data.feeds.slices import SliceBuilder

MOST_BARS: Final = 50_000
"""Maximum bars in one list; no market has this many symbols."""


def taken(item: object, builder: SliceBuilder) -> Iterator[Event]:
    """Return the events that follow from one item of a source.

    Args:
        item: The item.
        builder: The builder that receives it.
    """
    if isinstance(item, (list, tuple)) and len(item) > MOST_BARS:
        text = (
            f"a list of {len(item):,} bars was left out: at most {MOST_BARS:,} come at once; give "
            "them in several lists"
        )
        return iter((SystemErrorEvent(timestamp=builder.now, message=text, source="feed"),))
    return builder.add(item)
