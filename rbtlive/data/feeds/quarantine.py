"""Bars left out of a feed: counted, and reported without flooding the log.

The rule: rare reasons are reported each time; frequent ones the first time, then at 10,
100, 1,000 and so on, with the count.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Final

from rbtlive.data.feeds.bar_rows import RefusedBar, clean, described
from rbtlive.model.events import SystemErrorEvent

IN_FLOODS: Final = frozenset(
    {"future", "outside_session", "unknown_symbol", "old", "not_expected", "duplicate"}
)
"""Reasons that usually apply to a whole source."""

_ENDINGS: Final = {
    "future": "it is used once its time has come",
    "outside_session": "it belongs to no slice",
    "unknown_symbol": "nobody trades it",
}


class Quarantine:
    """Counts the bars left out, by reason, and reports them.

    Attributes:
        quarantined: Bars left out, counted by reason.
    """

    def __init__(self) -> None:
        self.quarantined: Counter[str] = Counter()

    def note(
        self, item: object, refusal: RefusedBar, now: datetime, *, what: str = "bar"
    ) -> SystemErrorEvent | None:
        """Count a bar; return the message to report, None if it was already
        reported.
        """
        reason = refusal.reason
        self.quarantined[reason] += 1
        count = self.quarantined[reason]
        ending = _ENDINGS.get(reason, "the strategy sees a missing bar")
        if what != "bar":
            ending = "no bar has it"
        if reason in IN_FLOODS:
            if not _is_round(count):
                return None
            more = "more of this kind are counted" if count == 1 else f"{count} of this kind so far"
            ending = f"{ending}; {more}"
        message = f"{what} left out: {refusal} in {described(item)}; {ending}"
        return SystemErrorEvent(timestamp=now, message=clean(message), source="feed")


def _is_round(count: int) -> bool:
    while count % 10 == 0:
        count //= 10
    return count == 1
