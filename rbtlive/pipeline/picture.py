"""A diagram of a pipeline's terms and their inputs, as SVG.

The rule: a term is below everything it needs; every text is escaped.
"""

from __future__ import annotations

from html import escape
from typing import Any, Final

WIDTH: Final = 190
HEIGHT: Final = 44
GAP_X: Final = 26
GAP_Y: Final = 46
MARGIN: Final = 16
_COLOURS: Final = {
    "column": "#e8eef7",
    "filter": "#e9f5e6",
    "classifier": "#fdf0dd",
    "shown": "#fff",
}


class Picture:
    """The graph of a pipeline's terms.

    Args:
        pipeline: The pipeline.

    Attributes:
        svg: The diagram.
    """

    def __init__(self, pipeline: Any) -> None:
        self._names: dict[Any, list[str]] = {}
        for name, term in pipeline.columns.items():
            self._names.setdefault(term, []).append(name)
        if pipeline.screen is not None:
            self._names.setdefault(pipeline.screen, []).append("screen")
        self._level: dict[Any, int] = {}
        for term in pipeline.terms():
            self._place(term)
        self.svg = self._drawn()

    # The level of a term is one below its lowest input.
    def _place(self, term: Any) -> int:
        if term not in self._level:
            below = [self._place(other) + 1 for other in term.dependencies]
            self._level[term] = max(below, default=0)
        return self._level[term]

    def _drawn(self) -> str:
        levels: dict[int, list[Any]] = {}
        for term, level in self._level.items():
            levels.setdefault(level, []).append(term)
        spots = self._spots(levels)
        width = max(x for x, _ in spots.values()) + WIDTH + MARGIN
        height = max(y for _, y in spots.values()) + HEIGHT + MARGIN
        lines = [_line(spots[other], spots[term]) for term in spots for other in term.dependencies]
        boxes = [self._box(term, *spot) for term, spot in spots.items()]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="sans-serif" font-size="11" '
            'role="img" aria-label="Terms of a pipeline">'
            f"{''.join(lines)}{''.join(boxes)}</svg>"
        )

    # Terms of a level are ordered by the mean position of their inputs.
    def _spots(self, levels: dict[int, list[Any]]) -> dict[Any, tuple[int, int]]:
        spots: dict[Any, tuple[int, int]] = {}
        for level in sorted(levels):

            def wish(term: Any) -> float:
                places = [spots[other][0] for other in term.dependencies]
                return sum(places) / len(places) if places else 0.0

            for place, term in enumerate(sorted(levels[level], key=wish)):
                spots[term] = (
                    MARGIN + place * (WIDTH + GAP_X),
                    MARGIN + level * (HEIGHT + GAP_Y),
                )
        return spots

    def _box(self, term: Any, x: int, y: int) -> str:
        title = term.graph_repr().split("\n")
        names = self._names.get(term)
        if names:
            title.insert(0, ", ".join(names))
        kind = _kind(term)
        weight = 2 if names else 1
        texts = "".join(
            f'<text x="{x + 8}" y="{y + 17 + 15 * row}"'
            f"{' font-weight=' + chr(34) + 'bold' + chr(34) if names and not row else ''}>"
            f"{escape(_short(text))}</text>"
            for row, text in enumerate(title[:2])
        )
        return (
            f'<g><title>{escape(repr(term))}</title><rect x="{x}" y="{y}" width="{WIDTH}" '
            f'height="{HEIGHT}" rx="5" fill="{_COLOURS[kind]}" stroke="#667" '
            f'stroke-width="{weight}"/>{texts}</g>'
        )

    def _repr_mimebundle_(self, **_wanted: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"Picture({len(self._level)} terms)"


def _kind(term: Any) -> str:
    if term.inputs in ((), None) and not term.windowed:
        return "column"
    kinds = {"b": "filter", "O": "classifier"}
    return kinds.get(term.dtype.kind, "shown")


def _short(text: str, length: int = 30) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1, x2, y2 = start[0] + WIDTH // 2, start[1] + HEIGHT, end[0] + WIDTH // 2, end[1]
    bend = (y2 - y1) // 2
    return (
        f'<path d="M{x1},{y1} C{x1},{y1 + bend} {x2},{y2 - bend} {x2},{y2}" fill="none" '
        'stroke="#99a"/>'
    )
