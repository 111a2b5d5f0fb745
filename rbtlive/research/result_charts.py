"""Charts of a result with plotly, which is imported only here and only when a chart is
requested.

The rule: a chart needs no network, and every text from a user is escaped.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from rbtlive.core.state.record import RunRecord, column, floats
from rbtlive.errors import MissingExtra, ResultError
from rbtlive.model.arrays import np
from rbtlive.model.number import plain_text
from rbtlive.model.order_facts import Transaction
from rbtlive.research import expanding
from rbtlive.research.figures.axis_ticks import PERCENT
from rbtlive.research.figures.figure_style import date_axis, extremes, line_mode, one_of
from rbtlive.research.result_frames import benchmark_returns, daily_returns

# Readable on light and dark pages, and for red-green colour-blind readers.
_EQUITY, _BENCHMARK = "#2f86c9", "#8c8c8c"
_GAIN, _LOSS = "#2f86c9", "#d9730d"
_TEXT, _GRID = "#7a7a7a", "rgba(128,128,128,0.25)"
_FILLS_NAMED = (
    12  # maximum number of fills listed in one marker's text; further ones are only counted
)


def figure_of(record: RunRecord) -> Any:
    """Return a plotly figure: portfolio value with fills and benchmark, the drawdown
    below.

    Raises:
        MissingExtra: plotly is not installed.
        ResultError: the run has no finished session to draw.
    """
    try:
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots
    except ImportError as error:
        raise MissingExtra(
            "plot() needs plotly, which is not installed: pip install rbtlive[plot]"
        ) from error
    if not record.sessions:
        raise ResultError("there is nothing to plot: the run finished no session yet")
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.75, 0.25], vertical_spacing=0.04
    )
    for trace in _value_traces(go, record):
        figure.add_trace(trace, row=1, col=1)
    figure.add_trace(_drawdown_trace(go, record), row=2, col=1)
    figure.update_yaxes(title_text="Portfolio value", row=1, col=1)
    figure.update_yaxes(title_text="Drawdown", tickformat=PERCENT, row=2, col=1)
    worth = floats(record.sessions, "portfolio_value")
    if min(worth) == max(worth):
        room = 0.01 * abs(worth[0]) or 1.0
        figure.update_yaxes(range=[worth[0] - room, worth[0] + room], row=1, col=1)
        figure.update_yaxes(range=[-0.01, 0], row=2, col=1)
    date_axis(figure, column(record.sessions, "label"))
    figure.update_xaxes(gridcolor=_GRID, zerolinecolor=_GRID)
    figure.update_yaxes(gridcolor=_GRID, zerolinecolor=_GRID, automargin=True, title_standoff=8)
    figure.update_layout(
        title={"text": html.escape(record.strategy_name), "x": 0.01, "xanchor": "left", "y": 0.97},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": _GRID, "activecolor": _TEXT},
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": _TEXT},
        hovermode="closest",
        height=560,
        margin={"l": 70, "r": 20, "t": 60, "b": 40},
        legend={"orientation": "h", "y": 1.06, "x": 1, "xanchor": "right"},
    )
    return figure


def _value_traces(go: Any, record: RunRecord) -> list[Any]:
    days = column(record.sessions, "label")
    worth = np.array([float(value) for value in column(record.sessions, "portfolio_value")])
    places = extremes(worth)
    days, values = one_of(days, places), worth[places].tolist()
    drawn = {"mode": line_mode(days), "name": "Portfolio", "line": {"color": _EQUITY}}
    traces = [go.Scatter(x=days, y=values, **drawn)]
    benchmark = benchmark_returns(record.sessions)
    if benchmark is not None:
        start = float(record.settings.capital_base)
        grown = start * (1.0 + expanding.cumulative_returns(benchmark))
        name = html.escape(record.settings.benchmark or "Benchmark")
        traces.append(
            go.Scatter(
                x=days,
                y=grown[places].tolist(),
                mode="lines",
                name=name,
                line={"color": _BENCHMARK, "dash": "dot"},
            )
        )
    return traces + _fill_traces(go, record)


# One marker per session and side, on the line of the portfolio's value, which keeps
# charts of thousands of fills small.
def _fill_traces(go: Any, record: RunRecord) -> list[Any]:
    traces = []
    for name, sign, color in (("Bought", 1, _GAIN), ("Sold", -1, _LOSS)):
        days, values, texts = [], [], []
        for row in record.sessions:
            fills = [
                t for t in record.transactions[slice(*row.transactions)] if t.amount * sign > 0
            ]
            if fills:
                days.append(row.label)
                values.append(float(row.portfolio_value))
                texts.append(_fills_text(fills))
        if days:
            marker = {
                "color": color,
                "size": 8 if len(days) < 60 else 5,
                "symbol": "triangle-up" if sign > 0 else "triangle-down",
            }
            traces.append(
                go.Scatter(
                    x=days,
                    y=values,
                    mode="markers",
                    name=name,
                    marker=marker,
                    text=texts,
                    hoverinfo="x+text",
                )
            )
    return traces


def _fills_text(fills: Sequence[Transaction]) -> str:
    lines = [
        html.escape(f"{plain_text(t.amount)} {t.asset.symbol} at {float(t.price):,.4f}")
        for t in fills[:_FILLS_NAMED]
    ]
    if len(fills) > _FILLS_NAMED:
        lines.append(f"and {len(fills) - _FILLS_NAMED} more")
    return "<br>".join(lines)


def _drawdown_trace(go: Any, record: RunRecord) -> Any:
    depths = expanding.drawdowns(np.asarray(daily_returns(record.sessions)))
    places = extremes(depths)
    return go.Scatter(
        x=one_of(column(record.sessions, "label"), places),
        y=depths[places].tolist(),
        mode=line_mode(column(record.sessions, "label")),
        fill="tozeroy",
        name="Drawdown",
        line={"color": _LOSS, "width": 1},
        showlegend=False,
    )
