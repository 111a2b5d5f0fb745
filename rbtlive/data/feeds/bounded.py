"""How much a source may give at once, and how much is said of what was wrong with it.

The rule: one thing that a source gives can neither hold the loop for long nor fill the
journal with complaints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from rbtlive.model.events import Event, SystemErrorEvent

MOST_BARS: Final = 50_000
"""Bars in one list; no market has as many symbols."""
MOST_NAMED: Final = 20
"""Bars of one list that are named when they are left out; the others are counted."""


def taken(
    item: object, add: Callable[[object], Iterator[Event]], now: Callable[[], datetime]
) -> Iterator[Event]:
    """Return what follows from one thing that a source gave.

    Args:
        item: What it gave.
        add: Takes it, as `SliceBuilder.add` does.
        now: Tells the time of what is said of it.
    """
    if not isinstance(item, (list, tuple)):
        return add(item)
    if len(item) > MOST_BARS:
        text = (
            f"a list of {len(item):,} bars was left out: at most {MOST_BARS:,} come at once; give "
            "them in several lists"
        )
        return iter((SystemErrorEvent(timestamp=now(), message=text, source="feed"),))
    return _counted(add(item), now)


def _counted(events: Iterator[Event], now: Callable[[], datetime]) -> Iterator[Event]:
    wrong = 0
    for event in events:
        if isinstance(event, SystemErrorEvent):
            wrong += 1
            if wrong > MOST_NAMED:
                continue
        yield event
    if wrong > MOST_NAMED:
        text = f"{wrong - MOST_NAMED:,} more bars of the same list were left out"
        yield SystemErrorEvent(timestamp=now(), message=text, source="feed")
