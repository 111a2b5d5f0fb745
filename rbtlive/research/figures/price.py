"""The price of a symbol as candles with volume, and the trades at their prices.

The rule: if there are too many candles, they are merged so that each stretch keeps its
highest and lowest price; fills are drawn at their own price.
"""

from __future__ import annotations

import html
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rbtlive.core.state.order import Order
from rbtlive.data.calendars.calendar import us_of
from rbtlive.errors import ResultError
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.number import plain_text
from rbtlive.model.order_facts import OPEN_STATES, Transaction
from rbtlive.research.figures.figure_style import (
    GAIN,
    LOSS,
    MOST_CANDLES,
    OTHER,
    date_axis,
    extremes,
    plotly,
    styled,
)
from rbtlive.research.figures.indicator_lines import (
    COLOURS,
    IndicatorLine,
    Indicators,
    indicator_lines,
)
from rbtlive.research.run_bars import SymbolBars, traded_symbols

if TYPE_CHECKING:
    from rbtlive.research.result_tables import ResultTables

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MARKERS = 800
_LOG_FROM = 6.0
"""A larger ratio of highest to lowest price is drawn on a log scale."""


def price_figure(
    result: ResultTables, symbol: str | None = None, indicators: Indicators | None = None
) -> Any:
    """Return candles of one symbol with volume, fills, stops, limits and indicators.

    Args:
        result: The run.
        symbol: The symbol; by default the one traded most.
        indicators: Lines to draw; see `BacktestResult.plot`.

    Raises:
        ResultError: nothing was traded, or its bars were not kept.
        SettingsError: an indicator does not exist.
    """
    go = plotly()
    from plotly.subplots import make_subplots

    chosen, bars = _chosen(result, symbol)
    candles = merged(bars, MOST_CANDLES)
    daily = not result.record.settings.intraday
    times = [_shown(us, daily=daily) for us in candles.us.tolist()]
    lines = indicator_lines(result, chosen, bars, indicators)
    below = [line.name for line in lines if not line.on_price]
    heights = [0.8, 0.2, *[0.22] * len(below)]
    figure = make_subplots(
        rows=len(heights),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.03,
        row_heights=[height / sum(heights) for height in heights],
    )
    figure.add_trace(
        go.Candlestick(
            x=times,
            open=candles.open,
            high=candles.high,
            low=candles.low,
            close=candles.close,
            name=html.escape(chosen),
            increasing={"line": {"color": GAIN, "width": 1}},
            decreasing={"line": {"color": LOSS, "width": 1}},
            showlegend=False,
        ),
        row=1,
        col=1,
    )
    volume = go.Bar(x=times, y=candles.volume, marker={"color": OTHER}, name="Volume")
    figure.add_trace(volume.update(showlegend=False), row=2, col=1)
    fills = [t for t in result.record.transactions if t.asset.symbol == chosen]
    for number, line in enumerate(lines):
        trace = _indicator_trace(go, line, COLOURS[number % len(COLOURS)], daily=daily)
        row = 1 if line.on_price else 3 + below.index(line.name)
        figure.add_trace(trace, row=row, col=1)
        if row > 1:
            figure.update_yaxes(title_text=html.escape(line.name), row=row, col=1)
    for trace in _fill_traces(go, fills, daily=daily):
        figure.add_trace(trace, row=1, col=1)
    for trace in _order_traces(go, result, chosen, daily=daily):
        figure.add_trace(trace, row=1, col=1)
    figure.update_layout(xaxis_rangeslider_visible=False)
    span = float(np.fmax.reduce(candles.high) / max(float(np.fmin.reduce(candles.low)), 1e-12))
    scale = "log" if span > _LOG_FROM else "linear"
    figure.update_yaxes(title_text="Price", type=scale, row=1, col=1)
    if scale == "log":  # labels at 1, 2 and 5: plotly's own would leave out the tens
        figure.update_yaxes(dtick="D2", tickformat=",~r", row=1, col=1)
    if daily:
        date_axis(figure, times)
    _mark_splits(figure, result, chosen, candles, daily=daily)
    figure.update_yaxes(title_text="Volume", row=2, col=1)
    note = (
        ""
        if len(candles.us) == len(bars.us)
        else f"{len(bars.us):,} bars in {len(candles.us):,} candles"
    )
    title = f"{chosen}: price and fills of {result.strategy_name}"
    styled(figure, title, height=600 + 130 * len(below))
    if note:
        figure.update_xaxes(title_text=note, title_font_size=11, row=len(heights), col=1)
    return figure


def _indicator_trace(go: Any, line: IndicatorLine, colour: str, *, daily: bool) -> Any:
    places = extremes(line.values)
    return go.Scatter(
        x=[_shown(us, daily=daily) for us in line.us[places].tolist()],
        y=line.values[places],
        mode="lines",
        name=html.escape(line.name),
        line={"color": colour, "width": 1.5},
    )


# Prices are shown as traded: a split is a step, and is marked.
def _mark_splits(
    figure: Any, result: ResultTables, symbol: str, candles: SymbolBars, *, daily: bool
) -> None:
    first, last = int(candles.us[0]), int(candles.us[-1])
    for us, ratio in [] if result.bars is None else result.bars.splits(symbol):
        if first < us <= last:
            when = _shown(us, daily=daily)
            figure.add_vline(x=when, line={"color": OTHER, "dash": "dot", "width": 1}, row=1, col=1)
            text = f"split {1 / ratio:.4g}:1"
            figure.add_annotation(
                x=when,
                y=1,
                yref="y domain",
                text=text,
                showarrow=False,
                xanchor="left",
                font={"size": 11},
                row=1,
                col=1,
            )


def _chosen(result: ResultTables, symbol: str | None) -> tuple[str, SymbolBars]:
    record = result.record
    symbols = traded_symbols(record)
    if symbol is None and not symbols:
        raise ResultError("there is no price to plot: nothing was traded; pass symbol=")
    chosen = symbol if symbol is not None else symbols[0]
    seen = None if result.bars is None else result.bars.of(chosen)
    if seen is None or not record.sessions:
        raise ResultError(f"there is no price of {chosen} to plot: this result has no bars of it")
    first, last = record.sessions[0].open, record.sessions[-1].close
    seen = seen.between(us_of(first) - 1, us_of(last))
    if not len(seen.us):
        raise ResultError(f"there is no price of {chosen} to plot: this result has no bars of it")
    return chosen, seen


def merged(bars: SymbolBars, most: int) -> SymbolBars:
    """Return at most `most` bars, each merged from several if necessary."""
    if len(bars.us) <= most:
        return bars
    starts = np.linspace(0, len(bars.us), most, endpoint=False, dtype=np.intp)
    ends = np.append(starts[1:], len(bars.us)) - 1
    return SymbolBars(
        bars.us[ends],
        bars.open[starts],
        np.fmax.reduceat(bars.high, starts),
        np.fmin.reduceat(bars.low, starts),
        bars.close[ends],
        np.add.reduceat(bars.volume, starts),
    )


def _shown(us: int, *, daily: bool) -> date | datetime:
    moment = _EPOCH + timedelta(microseconds=us)
    return moment.date() if daily else moment


def _fill_traces(go: Any, fills: list[Transaction], *, daily: bool) -> list[Any]:
    traces = []
    for name, sign, colour, shape in (
        ("Bought", 1, GAIN, "triangle-up"),
        ("Sold", -1, LOSS, "triangle-down"),
    ):
        chosen = [fill for fill in fills if fill.amount * sign > 0]
        if not chosen:
            continue
        prices: NDArray[np.float64] = np.array([float(fill.price) for fill in chosen])
        kept = [chosen[place] for place in extremes(prices, _MARKERS).tolist()]
        left = "" if len(kept) == len(chosen) else f" ({len(kept):,} of {len(chosen):,})"
        traces.append(
            go.Scatter(
                x=[_shown(us_of(fill.dt), daily=daily) for fill in kept],
                y=[float(fill.price) for fill in kept],
                mode="markers",
                name=name + left,
                marker={
                    "color": colour,
                    "symbol": shape,
                    "size": 11 if len(kept) < 60 else 7,
                    "line": {"width": 1, "color": "rgba(255,255,255,0.8)"},
                },
                text=[f"{plain_text(fill.amount)} at {fill.price:,.4f}" for fill in kept],
                hoverinfo="x+text",
            )
        )
    return traces


# The lifetime of a stop or limit, from its placement to its end.
def _order_traces(go: Any, result: ResultTables, symbol: str, *, daily: bool) -> list[Any]:
    orders = [order for order in result.record.orders if order.asset.symbol == symbol]
    sessions = result.record.sessions
    last_us = us_of(sessions[-1].close) if sessions else 0
    traces = []
    for name, colour in (("Stop", LOSS), ("Limit", OTHER)):
        x: list[Any] = []
        y: list[float | None] = []
        for order in orders[-_MARKERS:]:
            price = _waiting_price(order, name)
            if price is None:
                continue
            ended_us = last_us if order.state in OPEN_STATES else us_of(order.dt)
            x += [_shown(us, daily=daily) for us in (us_of(order.created), ended_us)]
            x.append(None)
            y += [price, price, None]
        if x:
            line = {"color": colour, "dash": "dot", "width": 1.5}
            traces.append(go.Scatter(x=x, y=y, mode="lines", name=name, line=line))
    return traces


def _waiting_price(order: Order, name: str) -> float | None:
    price = order.stop if name == "Stop" else order.limit
    return None if price is None else float(price)
