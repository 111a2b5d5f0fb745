"""Style shared by all figures: colours, layout, and fewer points without losing an
extreme.

The rule: every text from a user is escaped.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from rbtlive.errors import MissingExtra
from rbtlive.model.arrays import NDArray, np

GAIN, LOSS, OTHER = "#2f86c9", "#d9730d", "#8c8c8c"
"""Everyone can distinguish blue and orange, on white and on black."""
TEXT, GRID = "#7a7a7a", "rgba(128,128,128,0.25)"
MOST_POINTS = 1_500
MOST_CANDLES = 700
_FEW_SESSIONS = 6


def plotly() -> Any:
    """Return plotly's graph objects.

    Raises:
        MissingExtra: plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
    except ImportError as error:
        raise MissingExtra(
            "plot() needs plotly, which is not installed: pip install rbtlive[plot]"
        ) from error
    return go


def styled(figure: Any, title: str, *, height: int = 520) -> Any:
    """Give a figure the common look."""
    figure.update_xaxes(gridcolor=GRID, zerolinecolor=GRID, linecolor=GRID)
    figure.update_yaxes(
        gridcolor=GRID, zerolinecolor=GRID, linecolor=GRID, automargin=True, title_standoff=8
    )
    figure.update_layout(
        title={"text": html.escape(title), "x": 0.01, "xanchor": "left", "y": 0.97},
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": TEXT, "size": 13},
        hovermode="closest",
        height=height,
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": GRID, "activecolor": TEXT},
        margin={"l": 70, "r": 20, "t": 70, "b": 45},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )
    return figure


def date_axis(figure: Any, dates: Sequence[date]) -> None:
    """Label each session on an axis if there are few: by default, plotly shows hours,
    and for one session fractions of a second.
    """
    if 0 < len(dates) <= _FEW_SESSIONS:
        room = timedelta(days=1 + (dates[-1] - dates[0]).days // 6)
        figure.update_xaxes(
            tickvals=list(dates),
            ticktext=[f"{day}" for day in dates],
            range=[dates[0] - room, dates[-1] + room],
        )


def line_mode(dates: Sequence[date]) -> str:
    """Return how to draw a line over sessions: a single session is a point."""
    return "lines" if len(dates) > 1 else "lines+markers"


def extremes(values: NDArray[np.float64], most: int = MOST_POINTS) -> NDArray[np.intp]:
    """Return the indices of at most `most` points that include the lowest and highest
    of every stretch, the first and the last.
    """
    if len(values) <= most:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), most // 2, dtype=np.intp)
    known_low = np.where(np.isnan(values), np.inf, values)
    known_high = np.where(np.isnan(values), -np.inf, values)
    kept = {0, len(values) - 1}
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        kept.add(first + int(np.argmin(known_low[first:last])))
        kept.add(first + int(np.argmax(known_high[first:last])))
    return np.array(sorted(kept), dtype=np.intp)


def one_of(values: list[Any], places: NDArray[np.intp]) -> list[Any]:
    """Return the values at these indices."""
    return [values[place] for place in places.tolist()]
