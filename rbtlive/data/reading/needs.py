"""Questions about a source: collected, then asked in one error.

The rule: one error lists everything, with the line that answers it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from rbtlive.errors import UnclearData


@dataclass
class Needs:
    """Questions about one source.

    Attributes:
        source: Its name in messages: kind, size and columns.
        given: Arguments that the user passed, as text, e.g. 'symbol="AAPL"'.
        items: The missing or unclear points.
        arguments: Their answers as text, e.g. 'tz="Europe/Berlin"'.
        before: Lines to write before `rbt.read`, if no argument can answer.
        minutes: The line that builds minutes from shorter bars or trades, if known.
        floored: The line that rounds times down to full minutes, if known.
        held: Number of items that wait until the rest of the source has been examined,
            so that one error lists all.
    """

    source: str
    given: dict[str, str] = field(default_factory=dict)
    items: list[str] = field(default_factory=list)
    arguments: dict[str, str] = field(default_factory=dict)
    before: list[str] = field(default_factory=list)
    minutes: str | None = None
    floored: str | None = None
    held: int = 0

    def ask(self, item: str, *, before: str | None = None, **arguments: str) -> None:
        """Add a missing point, and the argument that would answer it."""
        if item not in self.items:
            self.items.append(item)
        if "columns" in arguments:
            arguments["columns"] = _merged(self.arguments.get("columns"), arguments["columns"])
        self.arguments |= arguments
        if before is not None and before not in self.before:
            self.before.append(before)

    def settle(self) -> None:
        """Raise the error for the items, unless all are held.

        Raises:
            UnclearData: lists all items.
        """
        if len(self.items) <= self.held:
            return
        line = self.line()
        listed = "\n".join(f"  {n}. {item}" for n, item in enumerate(self.items, 1))
        write = f"\nwrite: {line}" if self.arguments or self.before else ""
        raise UnclearData(
            f"bars cannot be read for sure from {self.source}; missing or "
            f"unclear:\n{listed}{write}",
            missing=tuple(self.items),
            line=line,
        )

    def line(self) -> str:
        """Return the call of `rbt.read` that answers all questions."""
        said = self.given | self.arguments
        if "columns" in self.arguments:
            said["columns"] = _merged(self.given.get("columns"), self.arguments["columns"])
        call = ", ".join(["source", *(f"{name}={value}" for name, value in said.items())])
        return "; ".join([*self.before, f"rbt.read({call})"])


# Merges the source text of two dicts of texts; what stands for an answer is replaced.
def _merged(first: str | None, second: str) -> str:
    if first is None or first == second:
        return second
    before, after = ast.literal_eval(first), ast.literal_eval(second)
    kept = {name: column for name, column in before.items() if column != "..."}
    pairs = (f'"{name}": "{column}"' for name, column in (kept | after).items())
    return "{" + ", ".join(pairs) + "}"
