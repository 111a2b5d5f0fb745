"""A figure as a still picture, for places that run no scripts: GitHub, exports,
mail.

The rule: the picture is drawn from the figure as it is displayed. It supports the
traces of our figures: lines and markers, bars, candles.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from rbtlive.model.arrays import NDArray, np
from rbtlive.research.figures.axis_ticks import PERCENT, nice_ticks, tick_texts
from rbtlive.research.figures.figure_style import GRID, OTHER, TEXT
from rbtlive.research.figures.still_sweeps import heatmap_parts, parallel_parts

WIDTH = 900
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 20, 70, 40
_DAY_S = 86_400.0
_OF_SWEEPS = {"heatmap": heatmap_parts, "parcoords": parallel_parts}
_SYMBOLS = {
    "triangle-up": "-4.5 8h9z",
    "triangle-down": "-4.5 -8h9z",
    "diamond": "0 0m0 -5.5l5 5.5l-5 5.5l-5 -5.5z",
}


def still_picture(figure: Any) -> str:
    """Return a plotly figure as SVG that is readable on light and dark pages."""
    height = int(figure.layout.height or 450)
    parts = [_text(14, 26, figure.layout.title.text or "", size=17, anchor="start")]
    parts += _OF_SWEEPS.get(figure.data[0].type, _course)(figure, WIDTH, height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" style="max-width:100%;height:auto" '
        'font-family="system-ui,sans-serif" font-size="12">'
        f"{''.join(parts)}</svg>"
    )


def _course(figure: Any, _width: int, height: int) -> list[str]:
    panels = {name: _panel(figure, name, height) for name in _used_axes(figure)}
    parts: list[str] = []
    parts += [part for panel in panels.values() for part in _frame(panel)]
    for trace in figure.data:
        parts += _trace(trace, panels[trace.yaxis or "y"])
    for shape in figure.layout.shapes:
        parts += _shape(shape, panels)
    for note in figure.layout.annotations:
        parts += _note(note, panels, height)
    return [*parts, *_legend(figure)]


@dataclass(frozen=True, slots=True)
class _Scale:
    # Maps values to positions on the page: `first` and `last` are the ends of the
    # range.
    first: float
    last: float
    begin: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        if self.log:
            value = math.log10(value) if value > 0 else math.nan
        share = (value - self.first) / ((self.last - self.first) or 1.0)
        return self.begin + share * (self.end - self.begin)


@dataclass(frozen=True, slots=True)
class _Panel:
    x: _Scale
    y: _Scale
    xaxis: Any
    yaxis: Any
    dated: bool


def _used_axes(figure: Any) -> list[str]:
    return list(dict.fromkeys(trace.yaxis or "y" for trace in figure.data))


def _axis(figure: Any, name: str) -> Any:
    return figure.layout[f"{name[0]}axis{name[1:]}"]


def _panel(figure: Any, name: str, height: int) -> _Panel:
    traces = [trace for trace in figure.data if (trace.yaxis or "y") == name]
    across = traces[0].xaxis or "x"
    yaxis, xaxis = _axis(figure, name), _axis(figure, across)
    shared = [t for t in figure.data if (t.xaxis or "x") == across]
    if xaxis.matches:  # panels below each other share their range
        shared = list(figure.data)
    xs = [_numbers(trace.x) for trace in shared]
    level = list(figure.data) if _share_heights(figure) else traces
    ys = [values for trace in level for values in _heights(trace)]
    lines = [line for line in figure.layout.shapes if line.yref == name]
    ys += [_numbers((line.y0, line.y1)) for line in lines]
    left, right = xaxis.domain or (0.0, 1.0)
    low, high = yaxis.domain or (0.0, 1.0)
    wide, tall = WIDTH - _LEFT - _RIGHT, height - _TOP - _BOTTOM
    log = yaxis.type == "log"
    pad = 0.6 if any(trace.type == "bar" for trace in traces) and xaxis.tickvals else 0.0
    dotted = any("markers" in (trace.mode or "") for trace in traces if trace.type == "scatter")
    dated = any(_is_dated(trace.x) for trace in shared)
    x = _span(xs, xaxis.range, pad=pad, roomy=dotted and not dated)
    y = _span(ys, yaxis.range, log=log, roomy=dotted)
    return _Panel(
        _Scale(*x, _LEFT + left * wide, _LEFT + right * wide),
        _Scale(*y, _TOP + (1 - low) * tall, _TOP + (1 - high) * tall, log),
        xaxis,
        yaxis,
        dated,
    )


def _share_heights(figure: object) -> bool:
    return any(_axis(figure, name).matches for name in _used_axes(figure))


def _span(
    parts: Sequence[NDArray[np.float64]],
    given: Any,
    *,
    log: bool = False,
    pad: float = 0.0,
    roomy: bool = False,
) -> tuple[float, float]:
    if given is not None and len(given) == 2:
        ends = _numbers(given)
        return float(ends[0]), float(ends[1])
    known = np.concatenate([values[np.isfinite(values)] for values in parts] or [np.zeros(1)])
    if log:
        known = np.log10(known[known > 0])
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()) - pad, float(known.max()) + pad
    margin = (0.03 if roomy else 0.0) * (high - low)
    return (low - 1.0, high + 1.0) if low == high else (low - margin, high + margin)


# The values that a trace covers on its y axis.
def _heights(trace: Any) -> Iterator[NDArray[np.float64]]:
    if trace.type == "candlestick":
        yield from (_numbers(trace.low), _numbers(trace.high))
    elif trace.type == "bar":
        bases = _numbers(trace.base) if trace.base is not None else np.zeros(1)
        yield from (bases, bases + _numbers(trace.y))
    else:
        yield _numbers(trace.y)
        if trace.fill == "tozeroy":
            yield np.zeros(1)


def _numbers(values: object) -> NDArray[np.float64]:
    array = np.asarray(values if values is not None else ())
    if array.dtype.kind == "M":
        seconds: NDArray[np.float64] = array.astype("datetime64[us]").astype(np.float64) / 1e6
        return seconds
    if array.dtype.kind in "OU":
        return np.array([_number(value) for value in array.tolist()], dtype=np.float64)
    return array.astype(np.float64)


def _number(value: Any) -> float:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC).timestamp()
    return math.nan if value is None else float(value)


def _is_dated(values: object) -> bool:
    array = np.asarray(values if values is not None else ())
    dated = array.dtype.kind == "O" and any(isinstance(v, date) for v in array.tolist()[:3])
    return dated or array.dtype.kind in "MU"


# -- the frame ------------------------------------------------------------------------


def _frame(panel: _Panel) -> Iterator[str]:
    x, y = panel.x, panel.y
    top = panel.xaxis.side == "top"
    for value, words in _ticks(panel.yaxis, y.first, y.last, dated=False, log=y.log):
        at = y(10**value if y.log else value)
        if panel.yaxis.showgrid is not False:
            yield f'<path d="M{x.begin:.0f} {at:.1f}H{x.end:.0f}" stroke="{GRID}" fill="none"/>'
        if panel.yaxis.showticklabels is not False:
            yield _text(x.begin - 8, at + 4, words, anchor="end")
    for value, words in _ticks(panel.xaxis, x.first, x.last, dated=panel.dated):
        if panel.xaxis.showgrid is not False:
            line = f"M{x(value):.1f} {y.end:.0f}V{y.begin:.0f}"
            yield f'<path d="{line}" stroke="{GRID}" fill="none"/>'
        if panel.xaxis.showticklabels is not False:
            yield _text(x(value), y.end - 8 if top else y.begin + 17, words)
    title = panel.yaxis.title.text
    if title:
        middle = (y.begin + y.end) / 2
        turned = f' transform="rotate(-90 16 {middle:.0f})"'
        yield _text(16, middle, title, more=turned)
    if panel.xaxis.title.text:
        yield _text((x.begin + x.end) / 2, y.begin + 34, panel.xaxis.title.text)


def _ticks(
    axis: Any, first: float, last: float, *, dated: bool, log: bool = False
) -> Iterator[tuple[float, str]]:
    low, high = min(first, last), max(first, last)
    if axis.tickvals is not None:
        yield from zip(_numbers(axis.tickvals).tolist(), map(str, axis.ticktext), strict=True)
        return
    if dated:
        yield from _dates(low, high)
        return
    values = [v for v in nice_ticks(low, high) if low - 1e-9 <= v <= high + 1e-9]
    if axis.tickformat == PERCENT:
        yield from zip(values, tick_texts(values, percent=True), strict=True)
        return
    for value in values:
        yield value, _written(10**value if log else value)


def _written(value: float) -> str:
    size = abs(value)
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if size >= unit:
            return f"{value / (1e3 if letter == 'k' else unit):,.4g}{letter}"
    return f"{value:,.4g}"


def _dates(low: float, high: float) -> Iterator[tuple[float, str]]:
    first, last = (datetime.fromtimestamp(s, UTC) for s in (low, high))
    months = (last.year - first.year) * 12 + last.month - first.month
    if months >= 2:
        every = next(n for n in (1, 3, 6, 12, 24, 60, 120, 1200) if months / n <= 9)
        for number in range(first.year * 12, last.year * 12 + last.month):
            day = datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
            if number % every == 0 and low <= day.timestamp() <= high:
                yield day.timestamp(), f"{day:%Y}" if every >= 12 else f"{day:%Y-%m}"
        return
    for share in (0.05, 0.35, 0.65, 0.95):
        moment = low + share * (high - low)
        day = datetime.fromtimestamp(moment, UTC)
        yield moment, f"{day:%Y-%m-%d}" if high - low > 4 * _DAY_S else f"{day:%m-%d %H:%M}"


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: int = 12,
    anchor: str = "middle",
    fill: str = TEXT,
    more: str = "",
) -> str:
    plain = html.escape(html.unescape(words))
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{fill}"{more}>{plain}</text>'
    )


# -- the traces -----------------------------------------------------------------------


def _trace(trace: Any, panel: _Panel) -> Iterator[str]:
    if trace.type == "candlestick":
        yield from _candles(trace, panel)
    elif trace.type == "bar":
        yield from _bars(trace, panel)
    else:
        mode = trace.mode or "lines"
        if "lines" in mode:
            yield from _lines(trace, panel)
        if "markers" in mode:
            yield from _markers(trace, panel)


def _lines(trace: Any, panel: _Panel) -> Iterator[str]:
    steps = trace.line.shape == "hv"
    colour, dash = trace.line.color or OTHER, _dash(trace.line.dash)
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(_numbers(trace.x).tolist(), _numbers(trace.y).tolist(), strict=True):
        if math.isnan(x) or math.isnan(y):
            runs.append([])
            continue
        point = (panel.x(x), panel.y(y))
        if steps and runs[-1]:
            runs[-1].append((point[0], runs[-1][-1][1]))
        runs[-1].append(point)
    for run in filter(None, runs):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
        if trace.fill == "tozeroy":
            foot = panel.y(0.0)
            ends = f"{run[0][0]:.1f},{foot:.1f} {points} {run[-1][0]:.1f},{foot:.1f}"
            yield f'<polygon points="{ends}" fill="{colour}" fill-opacity="0.4"/>'
        width = trace.line.width or 1.8
        yield (
            f'<polyline points="{points}" fill="none" stroke="{colour}" '
            f'stroke-width="{width}"{dash}/>'
        )


def _dash(kind: str | None) -> str:
    return ' stroke-dasharray="3 3"' if kind in {"dot", "dash"} else ""


def _markers(trace: Any, panel: _Panel) -> Iterator[str]:
    colours, shape = trace.marker.color, _SYMBOLS.get(trace.marker.symbol or "")
    for place, (x, y) in enumerate(zip(_numbers(trace.x), _numbers(trace.y), strict=True)):
        if not (math.isfinite(x) and math.isfinite(y)):
            continue
        colour = colours if isinstance(colours, str) or colours is None else colours[place]
        yield _marker(panel.x(float(x)), panel.y(float(y)), colour or OTHER, shape)


def _marker(x: float, y: float, colour: str, shape: str | None) -> str:
    if shape is None:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}" fill-opacity="0.75"/>'
    return f'<path d="M{x:.1f} {y:.1f}l{shape}" fill="{colour}"/>'


def _bars(trace: Any, panel: _Panel) -> Iterator[str]:
    xs, tall = _numbers(trace.x), _numbers(trace.y)
    bases = _numbers(trace.base) if trace.base is not None else np.zeros(len(xs))
    step = float(np.median(np.diff(xs))) if len(xs) > 1 else 1.0
    width = float(trace.width) if trace.width is not None else 0.8 * abs(step)
    colours, words = trace.marker.color, trace.text
    for place, (x, base, high) in enumerate(zip(xs, bases, tall, strict=True)):
        if not math.isfinite(high):
            continue
        left, right = panel.x(float(x) - width / 2), panel.x(float(x) + width / 2)
        top, foot = sorted((panel.y(float(base)), panel.y(float(base + high))))
        colour = colours if isinstance(colours, str) or colours is None else colours[place]
        yield (
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(right - left, 0.6):.1f}" '
            f'height="{max(foot - top, 0.0):.1f}" fill="{colour or OTHER}"/>'
        )
        if words is not None and not isinstance(words, str):
            ink = trace.textfont.color or TEXT
            yield _text(
                (left + right) / 2, (top + foot) / 2 + 4, str(words[place]), size=11, fill=ink
            )


def _candles(trace: Any, panel: _Panel) -> Iterator[str]:
    xs = _numbers(trace.x)
    columns = [_numbers(values) for values in (trace.open, trace.high, trace.low, trace.close)]
    wide = max(1.0, 0.7 * (panel.x.end - panel.x.begin) / max(len(xs), 1))
    for x, begin, high, low, end in zip(xs, *columns, strict=True):
        if not math.isfinite(end):
            continue
        side = trace.increasing if end >= begin else trace.decreasing
        at = panel.x(float(x))
        top, foot = sorted((panel.y(float(begin)), panel.y(float(end))))
        yield (
            f'<path d="M{at:.1f} {panel.y(float(high)):.1f}V{panel.y(float(low)):.1f}'
            f"M{at - wide / 2:.1f} {top:.1f}h{wide:.1f}V{max(foot, top + 0.5):.1f}h{-wide:.1f}z"
            f'" stroke="{side.line.color}" fill="{side.line.color}" stroke-width="0.8"/>'
        )


# -- lines and texts over them ---------------------------------------------------------


def _place(ref: str, value: Any, panels: dict[str, _Panel]) -> float:
    # Relative to a panel's own axis, its domain, or the page.
    name, _space, domain = (ref or "paper").partition(" ")
    across = name.startswith("x")
    if name == "paper":
        return math.nan
    key = f"y{name[1:]}"
    panel = panels.get(key) or next(iter(panels.values()))
    scale = panel.x if across else panel.y
    if domain:
        return scale.begin + float(value) * (scale.end - scale.begin)
    return scale(_number(value))


def _shape(shape: Any, panels: dict[str, _Panel]) -> Iterator[str]:
    x0, x1 = (_place(shape.xref or "x", value, panels) for value in (shape.x0, shape.x1))
    y0, y1 = (_place(shape.yref or "y", value, panels) for value in (shape.y0, shape.y1))
    if all(map(math.isfinite, (x0, x1, y0, y1))):
        yield (
            f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="{shape.line.color or OTHER}" '
            f'fill="none" stroke-width="{shape.line.width or 1}"{_dash(shape.line.dash)}/>'
        )


def _note(note: Any, panels: dict[str, _Panel], height: int) -> Iterator[str]:
    anchor = {"left": "start", "right": "end"}.get(note.xanchor or "", "middle")
    if note.xref == "paper":  # a panel's title
        x = _LEFT + float(note.x) * (WIDTH - _LEFT - _RIGHT)
        y = _TOP + (1 - float(note.y)) * (height - _TOP - _BOTTOM) - 8
        yield _text(x, y, note.text or "", anchor=anchor)
        return
    x = _place(note.xref or "x", note.x, panels)
    y = _place(note.yref or "y", note.y, panels)
    shift = 12.0 if note.yanchor == "top" or not note.yanchor else -4.0
    if note.showarrow:
        beyond = note.ay is not None and note.ayref not in {None, "pixel"}
        end = _place(str(note.ayref), note.ay, panels) if beyond else y + float(note.ay or 0)
        yield f'<path d="M{x:.1f} {y + 2:.1f}V{end - 2:.1f}" stroke="{TEXT}" fill="none"/>'
        y, shift = end, 10.0
    words = note.text or ""
    if anchor == "middle":  # keep a label at an end inside the picture
        half = 3.2 * len(words)
        x = min(max(x, half), WIDTH - half)
    yield _text(x, y + shift, words, size=11, anchor=anchor)


def _legend(figure: Any) -> Iterator[str]:
    named = [trace for trace in figure.data if trace.name and trace.showlegend is not False]
    if len(named) < 2:
        return
    x = float(WIDTH - _RIGHT)
    for trace in reversed(named):
        words = html.unescape(trace.name)
        x -= 7.0 * len(words)
        yield _text(x, 52, words, anchor="start")
        lined = "lines" in (trace.mode or "")
        colour = trace.line.color if lined else trace.marker.color
        colour = colour if isinstance(colour, str) else OTHER
        if lined or trace.type != "scatter":
            yield f'<rect x="{x - 18:.0f}" y="46" width="13" height="4" fill="{colour}"/>'
        else:
            yield _marker(x - 11, 48, colour, _SYMBOLS.get(trace.marker.symbol or ""))
        x -= 34.0
