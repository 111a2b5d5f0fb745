"""Drawings in a page: lines, areas and bars as SVG whose colours the page gives.

The rule: no script; what is thinned keeps its extremes; a drawing scales with the page.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from rbtlive.model.arrays import NDArray, np
from rbtlive.research.figures.axis_ticks import nice_ticks
from rbtlive.research.figures.figure_style import extremes

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 1000, 78, 12, 10, 24
_POINTS = 700


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a drawing.

    Attributes:
        values: One a session, NaN where there is none.
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
    label: Callable[[float], str],
    height: int = 260,
    marks: Sequence[tuple[int, float, bool]] = (),
) -> str:
    """Return lines over sessions as SVG, nothing if there are less than two.

    Args:
        dates: Labels of the sessions.
        drawn: The lines.
        words: What is drawn, for those who do not see it.
        label: Writes a value of the axis.
        height: In units of which the page's width has 1,000.
        marks: Place in the sessions, value, and whether it was bought.
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
    frame = _Frame(len(dates), low, high, height)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(words)}">',
        *(_tick(frame, value, label(value)) for value in ticks),
        *_years(frame, dates),
        *(_path(frame, line) for line in drawn),
        *(_mark(frame, *mark) for mark in marks),
        "</svg>",
    ]
    return "".join(parts) + _legend(drawn)


class _Frame:
    def __init__(self, count: int, low: float, high: float, height: int) -> None:
        self.count, self.low, self.high, self.height = count, low, high, height

    def x(self, place: float) -> float:
        return LEFT + place / max(self.count - 1, 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        return self.height - BOTTOM - (value - self.low) / span * (self.height - TOP - BOTTOM)


def _tick(frame: _Frame, value: float, text: str) -> str:
    y = frame.y(value)
    return (
        f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{html.escape(text)}</text>'
    )


def _years(frame: _Frame, dates: Sequence[date]) -> list[str]:
    short = (dates[-1] - dates[0]).days < 1500
    places: dict[str, int] = {}
    for place, day in enumerate(dates):
        places.setdefault(f"{day:%Y-%m}" if short else f"{day.year}", place)
    names = list(places.items())
    every = math.ceil(len(names) / 12)
    # The first one may have begun long before the run: its name would lie.
    chosen = names[1:][::every] or names[:1]
    foot = frame.height - 6
    return [
        f'<text x="{frame.x(place):.0f}" y="{foot}" text-anchor="middle">{name}</text>'
        f'<path class="grid" d="M{frame.x(place):.1f} {TOP}V{frame.height - BOTTOM}"/>'
        for name, place in chosen
    ]


def _path(frame: _Frame, line: Line) -> str:
    places = [p for p in extremes(line.values, _POINTS).tolist() if math.isfinite(line.values[p])]
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
    """Return how often which return came, as SVG; nothing for less than two values."""
    known = values[np.isfinite(values)]
    if len(known) < 2 or not np.ptp(known):
        return ""
    counts, edges = np.histogram(known, bins=min(60, max(10, len(known) // 12)))
    frame = _Frame(len(counts) + 1, 0.0, float(counts.max()), height)
    bars = []
    for place, count in enumerate(counts.tolist()):
        if count:
            x, y = frame.x(place), frame.y(count)
            wide = frame.x(place + 1) - x - 1.5
            style = "gain" if edges[place] + edges[place + 1] >= 0 else "lost"
            tall = height - BOTTOM - y
            bars.append(
                f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" '
                f'height="{tall:.1f}"/>'
            )
    span = float(edges[-1] - edges[0])
    names = [
        f'<text x="{frame.x((tick - edges[0]) / span * len(counts)):.0f}" y="{height - 6}" '
        f'text-anchor="middle">{tick:.1%}</text>'
        for tick in nice_ticks(float(edges[0]), float(edges[-1]), 6)
        if edges[0] <= tick <= edges[-1]
    ]
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(words)}">'
        f"{''.join(bars)}{''.join(names)}</svg>"
    )
