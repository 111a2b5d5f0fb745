"""What happened to the rows of a source: counted while it was read."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Intake:
    """What one reading found.

    Attributes:
        source: What was read.
        rows_in: Rows of the source; a row of a wide table counts once a symbol.
        rows_out: Bars made of them.
        left_out: Reason to number of rows, e.g. "no price".
        interval: How long the bars are.
        labels: Which end of a bar was stamped; None where it does not matter.
        zone: Whose clock the times were.
        calendar: The exchange's.
        asset_class: Common class of the symbols.
        notes: What was decided, a sentence each.
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
        """Note what was decided, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)
