"""Counts of a source's rows, kept while it is read.

The rule: it only counts; the readers decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Intake:
    """The results of one reading.

    Attributes:
        source: The source.
        rows_in: Rows of the source; a row of a wide table counts once per symbol.
        rows_out: Bars built from them.
        left_out: Number of rows by reason, e.g. "no price".
        interval: Length of the bars.
        labels: Which end of a bar was stamped; None if it does not matter.
        zone: Time zone of the times.
        calendar: The exchange's calendar.
        asset_class: Common class of the symbols.
        notes: Decisions, one sentence each.
    """

    source: str
    rows_in: int = 0
    rows_out: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    interval: str = ""
    labels: str | None = None
    zone: str | None = None
    calendar: str = ""
    asset_class: str | None = None
    notes: list[str] = field(default_factory=list)

    def leave_out(self, reason: str, count: int) -> None:
        """Count rows that do not become bars."""
        if count:
            self.left_out[reason] = self.left_out.get(reason, 0) + count

    def note(self, sentence: str) -> None:
        """Note a decision, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)
