"""Still pictures of a sweep's figures: cells of a heatmap, lines through parameters.

The rule: the picture is drawn from the figure as it is displayed, like every still
picture.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rbtlive.model.arrays import NDArray, np
from rbtlive.research.figures.figure_style import TEXT
from rbtlive.research.reports.writing import short

_LEFT, _RIGHT, _TOP, _BOTTOM = 90.0, 96.0, 58.0, 52.0
_MOST_NAMES: Final = 16
MOST_NUMBERS: Final = 150
"""Maximum number of heatmap cells that show their numbers; with more they would be
unreadable.
"""

Colours = Sequence[Sequence[Any]]


def heatmap_parts(figure: Any, width: int, height: int) -> Iterator[str]:
    """Yield the elements of a heatmap: cells, the names of both axes, the scale."""
    trace = figure.data[0]
    cells = np.asarray(trace.z, dtype=np.float64)
    rows, columns = cells.shape
    wide, tall = (width - _LEFT - _RIGHT) / columns, (height - _TOP - _BOTTOM) / rows
    foot = height - _BOTTOM
    for (row, column), value in np.ndenumerate(cells):
        if math.isfinite(value):
            x, y = _LEFT + column * wide, foot - (row + 1) * tall
            colour = _colour(trace.colorscale, _share(value, cells))
            yield _box(x, y, wide - 1, tall - 1, _hex(colour))
            if cells.size <= MOST_NUMBERS:
                yield _text(
                    x + wide / 2, y + tall / 2 + 4, short(float(value), 3), fill=_ink(colour)
                )
    for place, name in _named(trace.x):
        yield _text(_LEFT + (place + 0.5) * wide, foot + 17, name)
    for place, name in _named(trace.y):
        yield _text(_LEFT - 8, foot - (place + 0.5) * tall + 4, name, anchor="end")
    middle = (_TOP + foot) / 2
    yield _text((_LEFT + width - _RIGHT) / 2, foot + 38, figure.layout.xaxis.title.text or "")
    turned = f' transform="rotate(-90 20 {middle:.0f})"'
    yield _text(20, middle, figure.layout.yaxis.title.text or "", more=turned)
    yield from _scale(trace.colorscale, cells, trace.colorbar.title.text or "", width, foot)


def parallel_parts(figure: Any, width: int, height: int) -> Iterator[str]:
    """Yield the elements of parallel coordinates: one axis per parameter, one line per
    run.
    """
    trace = figure.data[0]
    columns = [np.asarray(one.values, dtype=np.float64) for one in trace.dimensions]
    metric = np.asarray(trace.line.color, dtype=np.float64)
    top, foot = _TOP + 18, height - _BOTTOM
    xs = np.linspace(_LEFT, width - _RIGHT, len(columns))
    heights = [foot - _shares(values) * (foot - top) for values in columns]
    for run in np.argsort(metric):
        at = [(x, ys[run]) for x, ys in zip(xs, heights, strict=True)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in at if math.isfinite(y))
        colour = _hex(_colour(trace.line.colorscale, _share(metric[run], metric)))
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-opacity="0.7"/>'
    for x, one, values in zip(xs, trace.dimensions, columns, strict=True):
        yield f'<path d="M{x:.1f} {top:.0f}V{foot:.0f}" stroke="{TEXT}" fill="none"/>'
        yield _text(x, top - 12, one.label or "")
        low, high = _ends(values)
        marks = list(zip(one.tickvals or (low, high), one.ticktext or (), strict=False))
        named = marks or [(low, short(low)), (high, short(high))]
        for value, name in named[:_MOST_NAMES]:
            yield _text(x - 6, foot - _share(value, values) * (foot - top) + 4, name, anchor="end")


def _scale(
    colours: Colours, cells: NDArray[np.float64], title: str, width: int, foot: float
) -> Iterator[str]:
    low, high = _ends(cells)
    x, steps = width - _RIGHT + 16, 40
    tall = (foot - _TOP) / steps
    for step in range(steps):
        colour = _hex(_colour(colours, step / (steps - 1)))
        yield _box(x, foot - (step + 1) * tall, 12, tall + 0.5, colour)
    for value, y in ((low, foot), (high, _TOP + 10)):
        yield _text(x + 17, y, short(value, 3), anchor="start")
    yield _text(x, _TOP - 10, title, anchor="start")


# As many names as fit without overlapping.
def _named(names: Sequence[Any]) -> Iterator[tuple[int, str]]:
    every = math.ceil(len(names) / _MOST_NAMES)
    for place in range(0, len(names), every):
        yield place, str(names[place])


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)


def _shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = _ends(values)
    shares: NDArray[np.float64] = (
        (values - low) / (high - low) if high > low else np.full(len(values), 0.5)
    )
    return shares


def _share(value: float, among: NDArray[np.float64]) -> float:
    low, high = _ends(among)
    return (float(value) - low) / (high - low) if high > low and math.isfinite(value) else 0.5


def _colour(colours: Colours, share: float) -> tuple[int, int, int]:
    places = [float(place) for place, _name in colours]
    parts = zip(*(_rgb(str(name)) for _place, name in colours), strict=True)
    red, green, blue = (round(float(np.interp(share, places, part))) for part in parts)
    return red, green, blue


def _rgb(name: str) -> tuple[int, int, int]:
    return int(name[1:3], 16), int(name[3:5], 16), int(name[5:7], 16)


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def inks(trace: Any) -> list[list[str]]:
    """Return a readable text colour for each cell of a heatmap."""
    cells = np.asarray(trace.z, dtype=np.float64)
    shares = [[_share(value, cells) for value in row] for row in cells]
    return [[_ink(_colour(trace.colorscale, share)) for share in row] for row in shares]


def _ink(colour: tuple[int, int, int]) -> str:
    bright = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    return "#16181c" if bright > 125 else "#f4f4f4"


def _box(x: float, y: float, wide: float, tall: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}" fill="{fill}"/>'


def _text(
    x: float, y: float, words: str, *, anchor: str = "middle", fill: str = TEXT, more: str = ""
) -> str:
    plain = html.escape(html.unescape(words))
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="12" '
        f'fill="{fill}"{more}>{plain}</text>'
    )
