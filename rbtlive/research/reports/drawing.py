"""Drawings in a page: lines, areas and bars as SVG in the page's colours.

The rule: no scripts; thinned data keeps its extremes; a drawing scales with the page,
and a narrow page shows a version drawn for it.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from rbtlive.model.arrays import NDArray, np
from rbtlive.research.figures.axis_ticks import bin_counts, nice_ticks, tick_texts
from rbtlive.research.figures.figure_style import extremes

LEFT, RIGHT, TOP, BOTTOM = 78, 12, 10, 24
_WIDE, _NARROW = 1000, 400
_POINTS = 700
TWO_WIDTHS = (
    "svg.narrow{display:none}@media screen and (max-width:600px)"
    "{svg.wide{display:none}svg.narrow{display:block;width:100%;height:auto}}"
)
"""Additional page style that shows the drawing for the page's width."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a drawing.

    Attributes:
        values: One per session, NaN for missing ones.
        style: Class of the page's style: "own", "other", "loss".
        name: For the legend.
        filled: Fill the area to zero.
    """

    values: NDArray[np.float64]
    style: str
    name: str = ""
    filled: bool = False


def lines(
    dates: Sequence[date],
    drawn: Sequence[Line],
    *,
    words: str,
    percent: bool = False,
    height: int = 260,
    marks: Sequence[tuple[int, float, bool]] = (),
) -> str:
    """Return lines over sessions as SVG; empty for fewer than two sessions.

    Args:
        dates: Labels of the sessions.
        drawn: The lines.
        words: Description of the drawing, as alternative text.
        percent: Label the axis in percent.
        height: Height, in units of a thousandth of a wide page.
        marks: Index of the session, value, and whether it was a purchase.
    """
    known = [line.values[np.isfinite(line.values)] for line in drawn]
    known = [values for values in known if len(values)]
    if len(dates) < 2 or not known:
        return ""
    low = min(float(values.min()) for values in known)
    high = max(float(values.max()) for values in known)
    if low == high:
        low, high = low - 0.01 * (abs(low) or 1.0), high + 0.01 * (abs(high) or 1.0)
    ticks = nice_ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    named = list(zip(ticks, tick_texts(ticks, percent=percent), strict=True))

    def drawing(width: int) -> str:
        frame = _Frame(len(dates), low, high, height, width)
        parts = [
            *(_tick(frame, value, text) for value, text in named),
            *_years(frame, dates),
            *(_path(frame, line) for line in drawn),
            *(_mark(frame, *mark) for mark in marks),
        ]
        return "".join(parts)

    return _two(drawing, words, height) + _legend(drawn)


def _two(drawing: Callable[[int], str], words: str, height: int) -> str:
    named = f'role="img" aria-label="{html.escape(words)}"'
    wide = f'<svg class="wide" viewBox="0 0 {_WIDE} {height}" {named}>{drawing(_WIDE)}</svg>'
    # Without the page's style it takes no space.
    narrow = (
        f'<svg class="narrow" width="0" height="0" viewBox="0 0 {_NARROW} {height}" {named}>'
        f"{drawing(_NARROW)}</svg>"
    )
    return wide + narrow


class _Frame:
    def __init__(self, count: int, low: float, high: float, height: int, width: int) -> None:
        self.count, self.low, self.high = count, low, high
        self.height, self.width = height, width

    def x(self, place: float) -> float:
        return LEFT + place / max(self.count - 1, 1) * (self.width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        return self.height - BOTTOM - (value - self.low) / span * (self.height - TOP - BOTTOM)


def _tick(frame: _Frame, value: float, text: str) -> str:
    y = frame.y(value)
    return (
        f'<path class="grid" d="M{LEFT} {y:.1f}H{frame.width - RIGHT}"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{html.escape(text)}</text>'
    )


def _years(frame: _Frame, dates: Sequence[date]) -> list[str]:
    short = (dates[-1] - dates[0]).days < 1500
    places: dict[str, int] = {}
    for place, day in enumerate(dates):
        places.setdefault(f"{day:%Y-%m}" if short else f"{day.year}", place)
    names = list(places.items())
    every = math.ceil(len(names) / (frame.width // 80))
    # The first period may have begun long before the run, so its name would be wrong.
    chosen = names[1:][::every] or names[:1]
    return [
        _below(frame, frame.x(place), name)
        + f'<path class="grid" d="M{frame.x(place):.1f} {TOP}V{frame.height - BOTTOM}"/>'
        for name, place in chosen
    ]


# Keep a name at the right end inside the drawing.
def _below(frame: _Frame, x: float, name: str) -> str:
    at_end = x + 3.5 * len(name) > frame.width
    x, anchor = (frame.width, "end") if at_end else (x, "middle")
    text = html.escape(name)
    return f'<text x="{x:.0f}" y="{frame.height - 6}" text-anchor="{anchor}">{text}</text>'


def _path(frame: _Frame, line: Line) -> str:
    places = [
        p
        for p in extremes(line.values, frame.width * _POINTS // _WIDE).tolist()
        if math.isfinite(line.values[p])
    ]
    if not places:
        return ""
    points = " ".join(f"{frame.x(p):.1f},{frame.y(float(line.values[p])):.1f}" for p in places)
    area = ""
    if line.filled:
        zero = frame.y(min(max(0.0, frame.low), frame.high))
        first, last = frame.x(places[0]), frame.x(places[-1])
        area = (
            f'<polygon class="{line.style} area" points="{first:.1f},{zero:.1f} {points} '
            f'{last:.1f},{zero:.1f}"/>'
        )
    return f'{area}<polyline class="{line.style}" points="{points}"/>'


def _mark(frame: _Frame, place: int, value: float, bought: bool) -> str:
    x, y = frame.x(place), frame.y(value)
    foot = 9 if bought else -9
    style = "bought" if bought else "sold"
    return f'<path class="{style}" d="M{x:.1f} {y:.1f}l-5 {foot}h10z"/>'


def _legend(drawn: Sequence[Line]) -> str:
    named = [line for line in drawn if line.name]
    if len(named) < 2:
        return ""
    keys = "".join(
        f'<span><i class="key {line.style}"></i>{html.escape(line.name)}</span>' for line in named
    )
    return f'<p class="legend">{keys}</p>'


def histogram(values: NDArray[np.float64], *, words: str, height: int = 220) -> str:
    """Return a histogram of returns as SVG; empty for fewer than two values."""
    known = values[np.isfinite(values)]
    if len(known) < 2 or not np.ptp(known):
        return ""
    counts, edges = bin_counts(known, most=60)
    first, last = float(edges[0]), float(edges[-1])

    def drawing(width: int) -> str:
        frame = _Frame(len(counts) + 1, 0.0, float(counts.max()), height, width)
        ticks = nice_ticks(first, last, 6 * width // _WIDE + 1)
        names = [
            _below(frame, frame.x((tick - first) / (last - first) * len(counts)), text)
            for tick, text in zip(ticks, tick_texts(ticks, percent=True), strict=True)
            if first <= tick <= last
        ]
        return "".join([*_columns(frame, counts, edges), *names])

    return _two(drawing, words, height)


def _columns(frame: _Frame, counts: NDArray[np.intp], edges: NDArray[np.float64]) -> Iterator[str]:
    for place, count in enumerate(counts.tolist()):
        if count:
            x, y = frame.x(place), frame.y(count)
            wide = frame.x(place + 1) - x - 1.5 * frame.width / _WIDE
            style = "gain" if edges[place] >= 0 else "lost"
            tall = frame.height - BOTTOM - y
            yield (
                f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" '
                f'height="{tall:.1f}"/>'
            )
