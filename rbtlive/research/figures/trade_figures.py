"""Figures of round trips: profit by holding time, and by their excursions."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import polars as pl

from rbtlive.errors import ResultError
from rbtlive.model.arrays import np
from rbtlive.research.figures.axis_ticks import PERCENT
from rbtlive.research.figures.figure_style import GAIN, LOSS, OTHER, extremes, plotly, styled

if TYPE_CHECKING:
    from rbtlive.research.result_tables import ResultTables

_MOST = 2_000
_UNITS = ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes"))


def _closed(result: ResultTables, most: int = _MOST) -> pl.DataFrame:
    trades = result.trades.filter(~pl.col("open"))
    if trades.is_empty():
        raise ResultError("there are no trades to plot: no position was closed")
    kept = extremes(trades["return"].fill_null(0.0).to_numpy(), most)
    chosen: pl.DataFrame = trades[kept.tolist()]
    return chosen


def _texts(trades: pl.DataFrame) -> list[str]:
    return [
        html.escape(
            f"{row['symbol']} {row['side']}, {row['entry_time']:%Y-%m-%d %H:%M} to "
            f"{row['exit_time']:%Y-%m-%d %H:%M}: {row['net_profit']:,.2f}"
        )
        for row in trades.iter_rows(named=True)
    ]


def trades_figure(result: ResultTables) -> Any:
    """Return a figure of each closed trade: its return by its holding time in days."""
    go = plotly()
    trades = _closed(result)
    held_s = trades["duration"].dt.total_seconds()
    longest_s = float(held_s.max() or 0.0)  # type: ignore[arg-type]
    unit_s, unit = next((one for one in _UNITS if longest_s >= 2 * one[0]), _UNITS[0])
    held = held_s / unit_s
    figure = go.Figure()
    for name, side, symbol in (("Long", "long", "circle"), ("Short", "short", "diamond")):
        chosen = (trades["side"] == side).to_numpy()
        if not chosen.any():
            continue
        returns = trades["return"].to_numpy()[chosen]
        texts = [text for text, shown in zip(_texts(trades), chosen, strict=True) if shown]
        figure.add_trace(
            go.Scatter(
                x=held.to_numpy()[chosen],
                y=returns,
                mode="markers",
                name=name,
                text=texts,
                hovertemplate=f"%{{text}}<br>%{{y:.2%}} in %{{x:.2f}} {unit}<extra></extra>",
                marker={
                    "color": [GAIN if value >= 0 else LOSS for value in returns],
                    "symbol": symbol,
                    "size": 8,
                    "opacity": 0.75,
                },
                legendgroup=side,
                showlegend=False,
            )
        )
        # The dots' colours show gains and losses: the legend shows only the shapes.
        shape = {"color": OTHER, "symbol": symbol, "size": 8}
        legend = {"mode": "markers", "marker": shape, "name": name, "legendgroup": side}
        figure.add_trace(go.Scatter(x=[None], y=[None], **legend))
    figure.add_hline(y=0, line={"color": OTHER, "width": 1})
    longest = longest_s / unit_s or 1.0
    figure.update_xaxes(
        title_text=f"{unit.capitalize()} held", range=[-0.02 * longest, 1.04 * longest]
    )
    figure.update_yaxes(title_text="Return of the trade", tickformat=PERCENT)
    return styled(figure, f"Trades of {result.strategy_name}", height=460)


def excursions_figure(result: ResultTables) -> Any:
    """Return a figure of each closed trade's return by its worst (left) and best
    (right) excursion.
    """
    go = plotly()
    from plotly.subplots import make_subplots

    trades = _closed(result, _MOST // 2).filter(pl.col("mae").is_not_null())
    if trades.is_empty():
        raise ResultError("there are no excursions to plot: this result has no bars")
    figure = make_subplots(
        rows=1,
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        subplot_titles=("Worst (MAE)", "Best (MFE)"),
    )
    returns, texts = trades["return"].to_numpy(), _texts(trades)
    colours = [GAIN if value >= 0 else LOSS for value in returns]
    for place, name in enumerate(("mae", "mfe"), start=1):
        reached = trades[name].to_numpy()
        marker = {"color": colours, "size": 8, "opacity": 0.75}
        dots = go.Scatter(
            x=reached,
            y=returns,
            mode="markers",
            text=texts,
            marker=marker,
            showlegend=False,
            hovertemplate="%{text}<br>return %{y:.2%}, reached %{x:.2%}<extra></extra>",
        )
        figure.add_trace(dots, row=1, col=place)
        ends = [float(np.min(reached)), float(np.max(reached))]
        line = {"color": OTHER, "dash": "dot", "width": 1}
        figure.add_trace(
            go.Scatter(x=ends, y=ends, mode="lines", line=line, showlegend=False, hoverinfo="skip"),
            row=1,
            col=place,
        )
        figure.update_xaxes(tickformat=PERCENT, row=1, col=place)
    figure.update_yaxes(title_text="Return of the trade", tickformat=PERCENT, col=1)
    return styled(figure, f"Excursions of {result.strategy_name}", height=460)
