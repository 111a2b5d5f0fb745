"""Figures of a sweep with plotly, which is imported on first use."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from rbtlive.model.arrays import np
from rbtlive.research.figures.figure_style import GAIN, LOSS, OTHER, TEXT, plotly, styled
from rbtlive.research.figures.shown import shown
from rbtlive.research.figures.still_sweeps import MOST_NUMBERS, inks
from rbtlive.research.reports.writing import short

_COLOURS = "Viridis"  # readable for red-green colour-blind readers


def heatmap(table: pl.DataFrame, *, x: str, y: str, metric: str) -> Any:
    """Return a heatmap of a pivot table: its first column is `y`, the others are
    `x`.
    """
    go = plotly()
    rows = table.drop(table.columns[0])
    trace = go.Heatmap(
        z=rows.to_numpy(),
        x=rows.columns,
        y=[str(value) for value in table.to_series(0).to_list()],
        colorscale=_COLOURS,
        colorbar={"title": html.escape(metric), "outlinewidth": 0},
        xgap=1,
        ygap=1,
        hovertemplate=(
            f"{html.escape(x)} %{{x}}<br>{html.escape(y)} %{{y}}<br>%{{z:,.4r}}<extra></extra>"
        ),
    )
    figure = go.Figure(trace)
    axis = {"type": "category"}
    figure.update_xaxes(title_text=html.escape(x), showgrid=False, **axis)
    figure.update_yaxes(title_text=html.escape(y), showgrid=False, **axis)
    if rows.height * rows.width <= MOST_NUMBERS:
        _write_numbers(figure)
    return shown(styled(figure, f"{metric} by {x} and {y}", height=420))


# Written by hand, because plotly would use grey for all numbers.
def _write_numbers(figure: Any) -> None:
    trace = figure.data[0]
    for y, (values, colours) in enumerate(zip(trace.z, inks(trace), strict=True)):
        for x, (value, ink) in enumerate(zip(values, colours, strict=True)):
            if math.isfinite(value):
                font = {"color": ink, "size": 12}
                figure.add_annotation(
                    x=x, y=y, text=short(float(value), 3), showarrow=False, font=font
                )


def parallel(frame: pl.DataFrame, names: Sequence[str], metric: str) -> Any:
    """Return parallel coordinates: a line per run through its parameters to a
    metric.
    """
    go = plotly()
    known = frame.filter(pl.col(metric).is_not_null())
    dimensions = [_dimension(known[name]) for name in (*names, metric)]
    scale = [[0, LOSS], [0.5, OTHER], [1, GAIN]]  # thin lines that are visible on dark and light
    line = {"color": known[metric].to_numpy(), "colorscale": scale, "showscale": True}
    plain = {"color": TEXT, "shadow": "0 0 transparent"}  # otherwise plotly draws white edges
    ink = {"labelfont": plain, "tickfont": plain, "rangefont": plain}
    figure = go.Figure(go.Parcoords(line=line, dimensions=dimensions, **ink))
    styled(figure, f"{metric} by {', '.join(names)}", height=420)
    return shown(figure.update_layout(margin_t=100))


def _dimension(values: pl.Series) -> dict[str, Any]:
    label = html.escape(values.name)
    if values.dtype.is_numeric():
        return {"label": label, "values": values.to_numpy()}
    ordered = values.cast(pl.String).unique().sort().to_list()
    places = {value: place for place, value in enumerate(ordered)}
    return {
        "label": label,
        "values": np.array([places[value] for value in values.cast(pl.String).to_list()]),
        "tickvals": list(range(len(ordered))),
        "ticktext": [html.escape(str(value)) for value in ordered],
    }
