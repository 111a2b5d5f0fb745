"""A small self-contained image of a run's equity curve: portfolio value, its drawdown,
and fills.

The rule: the picture is an SVG in the URL of an `<img>`. Front ends sanitize the HTML
of untrusted notebooks, which removes inline SVG but keeps images. The colours are
readable on light and dark pages.
"""

from __future__ import annotations

import html
import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

VALUE, LOSS = "rgb(47,134,201)", "rgb(217,115,13)"
_TEXT, _SOFT = "rgb(122,122,122)", "rgb(138,138,138)"
# In half pixels: whole numbers are precise enough for a line, and short.
_TOP, _BOTTOM = 18, 196
_DEEP_TOP, _DEEP_BOTTOM = 212, 270
_LETTER = 13  # approximate width of a digit
_BUCKETS = 180
_APART = 12

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityCurve:
    """The data of the drawing.

    Attributes:
        points: (x, value) in order of x; x is any measure of time.
        first: Text below the left end, a date.
        last: Text below the right end.
        base: Value of a thin horizontal line, e.g. the starting capital.
        depths: The drawdown at each point, a fraction, zero or negative; if empty, the
            second part is left out.
        marks: (x, whether bought) of fills, in order of x; if they are too dense, some
            are left out.
        width: Width of the picture, in pixels.
    """

    points: Sequence[Point]
    first: str
    last: str
    base: float | None = None
    depths: Sequence[float] = ()
    marks: Sequence[tuple[float, bool]] = ()
    width: int = 480


def equity_curve_html(curve: EquityCurve) -> str:
    """Return an `<img>` of the curve, with its main figures as alternative text; empty
    if there is no curve.
    """
    points = curve.points
    if (
        len(points) < 2
        or points[0][0] == points[-1][0]
        or not all(math.isfinite(y) for _x, y in points)
    ):
        return ""
    drawing = _Drawing(curve)
    words = (
        f"Portfolio value from {curve.first} to {curve.last}, between {drawing.low:,.0f} "
        f"and {drawing.high:,.0f}"
    )
    if drawing.deepest < 0:
        words += f", drawdown down to {drawing.deepest:.1%}"
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {2 * curve.width} "
        f"{drawing.height}' "
        f"font-family='system-ui,sans-serif' font-size='22'>{''.join(drawing.parts())}</svg>"
    )
    return (
        f'<img alt="{html.escape(words)}" width="{curve.width}" height="{drawing.height // 2}" '
        f'style="max-width:100%;height:auto" src="data:image/svg+xml,{_address(svg)}">'
    )


class _Drawing:
    def __init__(self, curve: EquityCurve) -> None:
        self.curve, self.right = curve, 2 * curve.width - 8
        values = [y for _x, y in curve.points]
        self.low, self.high = min(values), max(values)
        self.depths = [depth if math.isfinite(depth) else 0.0 for depth in curve.depths]
        self.deepest = min(self.depths, default=0.0)
        room = 44 if curve.marks and self.deepest == 0 else 30  # marks may extend below the line
        self.height = (_DEEP_BOTTOM if self.deepest < 0 else _BOTTOM) + room
        self.labels = [(f"{self.high:,.0f}", _TOP + 8), (f"{self.low:,.0f}", _BOTTOM)]
        if self.low == self.high:
            self.labels = [(f"{self.low:,.0f}", (_TOP + _BOTTOM) // 2 + 8)]
        if self.deepest < 0:
            self.labels.append((f"{self.deepest:.1%}", _DEEP_BOTTOM))
        self.left = 16 + _LETTER * max(len(text) for text, _y in self.labels)

    def across(self, x: float) -> int:
        first, last = self.curve.points[0][0], self.curve.points[-1][0]
        return round(self.left + (x - first) / (last - first) * (self.right - self.left))

    def down(self, y: float) -> int:
        if self.low == self.high:
            return (_TOP + _BOTTOM) // 2
        return round(_BOTTOM - (y - self.low) / (self.high - self.low) * (_BOTTOM - _TOP))

    def parts(self) -> Iterator[str]:
        curve = self.curve
        if curve.base is not None and self.low < curve.base < self.high:
            level = self.down(curve.base)
            yield (
                f"<path d='M{self.left} {level}H{self.right}' stroke='{_SOFT}' "
                "stroke-width='2' stroke-dasharray='2 8'/>"
            )
        if self.deepest < 0:
            yield self._drawdown()
        line = " ".join(f"{self.across(x)},{self.down(y)}" for x, y in _thinned(curve.points))
        yield (
            f"<polyline points='{line}' fill='none' stroke='{VALUE}' stroke-width='3' "
            "stroke-linejoin='round'/>"
        )
        yield from self._marks()
        for text, y in self.labels:
            yield (
                f"<text x='{self.left - 12}' y='{y}' text-anchor='end' fill='{_TEXT}'>{text}</text>"
            )
        foot = self.height - 5
        yield f"<text x='{self.left}' y='{foot}' fill='{_TEXT}'>{html.escape(curve.first)}</text>"
        yield (
            f"<text x='{self.right}' y='{foot}' text-anchor='end' fill='{_TEXT}'>"
            f"{html.escape(curve.last)}</text>"
        )

    def _drawdown(self) -> str:
        scale = (_DEEP_BOTTOM - _DEEP_TOP) / self.deepest
        known = [
            (x, depth) for (x, _value), depth in zip(self.curve.points, self.depths, strict=True)
        ]
        edge = " ".join(
            f"{self.across(x)},{round(_DEEP_TOP + y * scale)}" for x, y in _thinned(known)
        )
        return (
            f"<polygon points='{self.left},{_DEEP_TOP} {edge} {self.right},{_DEEP_TOP}' "
            f"fill='{LOSS}' fill-opacity='.6'/>"
        )

    def _marks(self) -> Iterator[str]:
        points = self.curve.points
        xs = [x for x, _y in points]
        drawn = {True: -_APART, False: -_APART}
        for x, bought in self.curve.marks:
            place = self.across(x)
            if not xs[0] <= x <= xs[-1] or place - drawn[bought] < _APART:
                continue
            drawn[bought] = place
            after = bisect_left(xs, x)
            (xa, ya), (xb, yb) = points[max(after - 1, 0)], points[after]
            y = self.down(ya + (yb - ya) * (x - xa) / ((xb - xa) or 1.0))
            tip, foot = (y + 6, 13) if bought else (y - 6, -13)
            yield f"<path d='M{place} {tip}l-8 {foot}h16z' fill='{VALUE if bought else LOSS}'/>"


# The lowest and highest of each stretch: no peak or trough is lost, however long the
# run.
def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    if len(points) <= 2 * _BUCKETS:
        return points
    kept = [points[0]]
    for n in range(_BUCKETS):
        stretch = points[n * len(points) // _BUCKETS : (n + 1) * len(points) // _BUCKETS]
        extremes = min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])
        kept += sorted(extremes)
    return [*kept, points[-1]]


def _address(svg: str) -> str:
    # Characters that would end the URL or have a meaning in it; `<` may stay, which
    # keeps it short and readable.
    for letter, code in (
        ("%", "%25"),
        ("#", "%23"),
        (":", "%3A"),
        ('"', "%22"),
        ("&", "%26"),
        ("\n", "%0A"),
    ):
        svg = svg.replace(letter, code)
    return svg
