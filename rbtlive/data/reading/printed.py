"""Tables printed for people: cells between bars, or columns aligned by spaces.

The rule: such a text is rewritten with tabs between its cells and read like any other
file; other texts are not changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rbtlive.data.reading.column_roles import field_of, role_of

_RULE: Final = re.compile(r"[\s|+:=\-─━═│┃┌┐└┘├┤┬┴┼╞╪╡┆]*[-─━═]{2}[\s|+:=\-─━═│┃┌┐└┘├┤┬┴┼╞╪╡┆]*")
_BAR: Final = re.compile(r"\s*[|│┃┆]\s*")
_SIGNS: Final = ",;\t|"


def with_tabs(head: str, whole: str) -> str | None:
    """Return a printed table with tabs between its cells; None for any other text.

    Args:
        head: The first lines, by which it is recognized.
        whole: The whole text.
    """
    lines = [line for line in head.splitlines()[:60] if line.strip()]
    if any(map(_RULE.fullmatch, lines)) and sum(map(_has_bars, lines)) * 2 > len(lines):
        rows = [_cells(line) for line in whole.splitlines() if not _RULE.fullmatch(line)]
        return _joined(rows)
    if any(line.count(sign) > 2 for line in lines for sign in _SIGNS):
        return None
    first = next((n for n, line in enumerate(lines) if _names(line.split())), None)
    if first is None:
        return None
    rows = [line.split() for line in whole.splitlines() if line.strip()][first:]
    return _joined(_aligned(rows))


def _has_bars(line: str) -> bool:
    return len(_BAR.findall(line)) > 2


def _cells(line: str) -> list[str]:
    cells = _BAR.split(line.strip())
    return cells[not cells[0] : len(cells) - (not cells[-1])]


def _names(cells: Sequence[str]) -> bool:
    return len(cells) >= 4 and any(field_of(cell) == "close" for cell in cells)


# pandas prints the index without a name, or with its name on a separate line; a date
# and a time are two words.
def _aligned(rows: list[list[str]]) -> list[list[str]]:
    names, rest = rows[0], rows[1:]
    if rest and len(rest[0]) == 1 and role_of(rest[0][0]) == "time":
        names, rest = [*rest[0], *names], rest[1:]
    more = len(rest[0]) - len(names) if rest else 0
    timed = any(role_of(name) == "time" for name in names)
    if more == 1 and timed:  # after the date
        place = next(n for n, name in enumerate(names) if role_of(name) == "time")
        names = [*names[: place + 1], "time", *names[place + 1 :]]
    elif more in (1, 2) and not timed:
        names = [*("date", "time")[:more], *names]
    return [names, *rest]


def _joined(rows: list[list[str]]) -> str:
    return "\n".join("\t".join(cells) for cells in rows) + "\n"
