"""Charts of a sweep, made with plotly, which is imported only when one is asked for."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import polars as pl

from rbtlive.errors import MissingExtra
from rbtlive.model.arrays import np

_COLOURS = "Viridis"  # read alike by those who do not see red and green


def _graph_objects() -> Any:
    try:
        import plotly.graph_objects as go
    except ImportError as error:
        raise MissingExtra(
            "charts of a sweep need plotly, which is not installed: pip install rbtlive[plot]"
        ) from error
    return go


def heatmap(table: pl.DataFrame, *, x: str, y: str, metric: str) -> Any:
    """Return a heatmap of a pivot table: its first column is `y`, the others are
    `x`.
    """
    go = _graph_objects()
    rows = table.drop(table.columns[0])
    trace = go.Heatmap(
        z=rows.to_numpy(),
        x=rows.columns,
        y=[str(value) for value in table.to_series(0).to_list()],
        colorscale=_COLOURS,
        colorbar={"title": html.escape(metric)},
        hovertemplate=(
            f"{html.escape(x)} %{{x}}<br>{html.escape(y)} %{{y}}<br>%{{z:.4g}}<extra></extra>"
        ),
    )
    figure = go.Figure(trace)
    axis = {"type": "category"}
    figure.update_layout(template="none", paper_bgcolor="rgba(0,0,0,0)", height=420)
    figure.update_xaxes(title_text=html.escape(x), **axis)
    figure.update_yaxes(title_text=html.escape(y), **axis)
    return figure


def parallel(frame: pl.DataFrame, names: Sequence[str], metric: str) -> Any:
    """Return parallel coordinates: a line a run through its parameters to a metric."""
    go = _graph_objects()
    known = frame.filter(pl.col(metric).is_not_null())
    dimensions = [_dimension(known[name]) for name in (*names, metric)]
    line = {"color": known[metric].to_numpy(), "colorscale": _COLOURS, "showscale": True}
    figure = go.Figure(go.Parcoords(line=line, dimensions=dimensions))
    figure.update_layout(template="none", paper_bgcolor="rgba(0,0,0,0)", height=420)
    return figure


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
