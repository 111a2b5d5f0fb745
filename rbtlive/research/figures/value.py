"""Figures of a run's value: drawdown, months, distribution, rolling, exposure."""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rbtlive.core.state.record import column, floats
from rbtlive.errors import ResultError
from rbtlive.model.arrays import NDArray, np
from rbtlive.research import expanding
from rbtlive.research.figures.axis_ticks import PERCENT, bin_counts, signed
from rbtlive.research.figures.figure_style import (
    GAIN,
    LOSS,
    OTHER,
    TEXT,
    date_axis,
    extremes,
    line_mode,
    one_of,
    plotly,
    styled,
)
from rbtlive.research.result_frames import daily_returns
from rbtlive.research.statistics.annual import half_a_year, row_word
from rbtlive.research.statistics.periods import MONTHS

if TYPE_CHECKING:
    from rbtlive.research.result_tables import ResultTables

_MOST_EXPOSURE = 10.0


def underwater_figure(result: ResultTables) -> Any:
    """Return a figure of how far the portfolio was below its high, with the five
    deepest drawdowns labelled.
    """
    go = plotly()
    depths = np.nan_to_num(expanding.drawdowns(daily_returns(result.record.sessions)))
    dates = column(result.record.sessions, "label")
    places = extremes(depths)
    line = go.Scatter(
        x=one_of(dates, places),
        y=depths[places],
        mode=line_mode(dates),
        fill="tozeroy",
        name="Drawdown",
        line={"color": LOSS, "width": 1},
        showlegend=False,
    )
    figure = go.Figure([line])
    low = float(depths.min())
    for row in _apart(result.drawdowns.head(5).rows(named=True), dates, depths):
        figure.add_annotation(
            x=row["valley"],
            y=row["depth"],
            text=f"{_percent(row['depth'])}, {row['days']:,} day{'s' * (row['days'] != 1)}",
            showarrow=True,
            arrowcolor=TEXT,
            ax=0,
            ay=row["foot"] + 0.07 * low,
            ayref="y",
            font={"size": 11},
        )
    figure.update_yaxes(
        tickformat=PERCENT, title_text="Below the high", range=[low * 1.25 or -0.01, 0]
    )
    date_axis(figure, dates)
    return styled(figure, f"Drawdowns of {result.strategy_name}", height=400)


# The lowest point below a label as wide as a sixth of the figure.
def _below(depths: NDArray[np.float64], dates: list[date], valley: date) -> float:
    place, half = dates.index(valley), max(1, len(dates) // 12)
    return float(depths[max(0, place - half) : place + half + 1].min())


# The deepest drawdowns whose labels, each at its `foot`, do not overlap; drawdowns
# below a twentieth of the deepest get no label.
def _apart(
    falls: list[dict[str, Any]], dates: list[date], depths: NDArray[np.float64]
) -> list[dict[str, Any]]:
    days = max((dates[-1] - dates[0]).days, 1)
    deepest = min((fall["depth"] for fall in falls), default=0.0)
    shown: list[dict[str, Any]] = []
    for fall in falls:
        foot = _below(depths, dates, fall["valley"])
        if fall["depth"] <= deepest / 20 and not any(
            abs((fall["valley"] - other["valley"]).days) < 0.17 * days
            and abs(foot - other["foot"]) < -0.12 * deepest
            for other in shown
        ):
            shown.append({**fall, "foot": foot})
    return shown


# Small numbers get more digits; the minus sign is that of plotly's axes.
def _percent(value: float, digits: int = 1) -> str:
    size = math.floor(math.log10(abs(value))) if value else 0
    return signed(f"{value:.{max(digits, -3 - size)}%}") if size > -9 else "0%"


def monthly_figure(result: ResultTables) -> Any:
    """Return a table of months: blue for gains, orange for losses, darker for larger
    ones.
    """
    go = plotly()
    frame = result.monthly
    years = frame["year"].to_list()
    cells = [
        (month, place, value)
        for place, row in enumerate(frame.select(*MONTHS, "year_return").rows())
        for month, value in enumerate(row)
        if value is not None
    ]
    largest = max((abs(value) for month, _y, value in cells if month < 12), default=0.0) or 1.0
    bars = go.Bar(
        x=[month for month, _y, _v in cells],
        y=[0.92] * len(cells),
        base=[place - 0.46 for _m, place, _v in cells],
        width=0.94,
        marker={"color": [shade(value, largest) for *_place, value in cells], "line_width": 0},
        text=[signed(f"{round(value * 100, 1) + 0.0:.1f}") for *_place, value in cells],
        textposition="inside",
        insidetextanchor="middle",
        textfont={"color": "#16181c", "size": 11},
        customdata=[f"{years[place]}" for _m, place, _v in cells],
        hovertemplate="%{customdata}: %{text} %<extra></extra>",
        textangle=0,
    )
    figure = go.Figure([bars])
    names = [month.capitalize() for month in MONTHS] + ["Year"]
    figure.update_xaxes(
        tickvals=list(range(13)),
        ticktext=names,
        tickangle=0,
        tickfont={"size": 11},
        range=[-0.5, 12.5],
        side="top",
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(
        tickvals=list(range(len(years))),
        ticktext=[str(year) for year in years],
        range=[len(years) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
    )
    styled(figure, f"Monthly returns of {result.strategy_name}, %", height=150 + 28 * len(years))
    return figure.update_layout(margin_t=100)


def shade(value: float, largest: float) -> str:
    """Return a light blue for gains or a light orange for losses, darker for larger
    values, but light enough for dark text.
    """
    strength = min(abs(value) / largest, 1.0) ** 0.7 * 0.8 + 0.08
    target = (94, 165, 217) if value >= 0 else (232, 146, 69)
    red, green, blue = (round(246 + (part - 246) * strength) for part in target)
    return f"rgb({red},{green},{blue})"


def distribution_figure(result: ResultTables) -> Any:
    """Return a histogram of the sessions' returns, with mean and value at risk."""
    go = plotly()
    returns = daily_returns(result.record.sessions)
    returns = returns[~np.isnan(returns)]
    counts, edges = bin_counts(returns, most=80)
    middles = (edges[:-1] + edges[1:]) / 2
    colours = [
        GAIN if begin >= 0 else LOSS if end <= 0 else OTHER for begin, end in pairwise(edges)
    ]
    figure = go.Figure(
        [
            go.Bar(
                x=middles,
                y=counts,
                marker={"color": colours, "line_width": 0},
                width=float(edges[1] - edges[0]) * 0.94,
                name="Sessions",
                showlegend=False,
            )
        ]
    )
    stats = dict(result.stats.select("statistic", "value").iter_rows())
    for name, label in (("value_at_risk", "Value at risk 5%"), ("mean_day", "Mean")):
        if stats[name] is not None:
            position = "top left" if name == "value_at_risk" else "top right"
            figure.add_vline(
                x=stats[name],
                line={"color": TEXT, "dash": "dot"},
                annotation_text=f"{label} {_percent(stats[name], 2)}",
                annotation_position=position,
            )
    word = row_word(result.record.settings)
    figure.update_xaxes(tickformat=PERCENT, title_text=f"Return of a {word}")
    figure.update_yaxes(title_text=f"{word.capitalize()}s")
    return styled(figure, f"Distribution of returns of {result.strategy_name}", height=420)


def rolling_figure(result: ResultTables, window: int | None = None) -> Any:
    """Return a figure of Sharpe ratio, volatility and beta over the last `window`
    sessions (weeks, months); by default over half a year.
    """
    go = plotly()
    from plotly.subplots import make_subplots

    settings = result.record.settings
    window = half_a_year(settings) if window is None else window
    window = max(2, min(window, len(result.record.sessions) // 2))
    frame = result.rolling(window)
    shown = [name for name in ("sharpe", "volatility", "beta") if frame[name].count()]
    if not shown:
        raise ResultError(
            f"there is nothing to plot: {len(result.record.sessions)} "
            f"{row_word(settings)}s are too few for rolling figures"
        )
    rows = max(len(shown), 1)
    figure = make_subplots(rows=rows, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    dates = frame["date"].to_list()
    for row, name in enumerate(shown, start=1):
        values = frame[name].fill_null(float("nan")).to_numpy()
        places = extremes(values)
        line = go.Scatter(
            x=one_of(dates, places),
            y=values[places],
            mode="lines",
            name=name.capitalize(),
            line={"color": GAIN, "width": 1.5},
            showlegend=False,
        )
        figure.add_trace(line, row=row, col=1)
        style = PERCENT if name == "volatility" else None
        figure.update_yaxes(title_text=name.capitalize(), tickformat=style, row=row, col=1)
        figure.add_hline(y=0, line={"color": OTHER, "width": 1}, row=row, col=1)
    date_axis(figure, dates)
    title = f"Last {window} {row_word(settings)}s, rolling: {result.strategy_name}"
    return styled(figure, title, height=140 + 170 * rows)


def exposure_figure(result: ResultTables) -> Any:
    """Return a figure of the long and short holdings at each close, relative to the
    portfolio's value.
    """
    go = plotly()
    sessions = result.record.sessions
    value = np.array(floats(sessions, "portfolio_value"))
    dates = column(sessions, "label")
    figure = go.Figure()
    for name, key, colour in (
        ("Long", "long_value", GAIN),
        ("Short", "short_value", LOSS),
    ):
        held = np.array(floats(sessions, key))
        # Without a positive value there is no ratio.
        share = np.divide(held, value, out=np.full_like(held, np.nan), where=value > 0)
        if not np.nan_to_num(share).any():
            continue
        places = extremes(share)
        figure.add_trace(
            go.Scatter(
                x=one_of(dates, places),
                y=share[places],
                mode=line_mode(dates),
                fill="tozeroy",
                name=name,
                line={"color": colour, "width": 1, "shape": "hv"},
            )
        )
    net = np.array(floats(sessions, "net_leverage"), dtype=np.float64)
    places = extremes(net)
    line = {"color": TEXT, "width": 1, "dash": "dot", "shape": "hv"}
    if len(figure.data) != 1:  # if there is only one side, the net equals it
        drawn = {"mode": line_mode(dates), "name": "Net", "line": line}
        figure.add_trace(go.Scatter(x=one_of(dates, places), y=net[places], **drawn))
    figure.update_yaxes(tickformat=PERCENT, title_text="Of the portfolio's value")
    if not np.any(net):
        figure.update_yaxes(range=[-0.01, 1])
    elif np.abs(net).max() > _MOST_EXPOSURE:  # for a portfolio that has lost nearly everything
        ends = [np.clip(end, -_MOST_EXPOSURE, _MOST_EXPOSURE) for end in (net.min(), net.max())]
        note = f"Of the portfolio's value, up to {_MOST_EXPOSURE:,.0%}"
        figure.update_yaxes(range=ends, title_text=note)
    date_axis(figure, dates)
    return styled(figure, f"Exposure of {result.strategy_name}", height=420)
