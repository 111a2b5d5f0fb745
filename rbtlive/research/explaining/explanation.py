"""`Explanation`: the differences between a session and a backtest, and their causes."""

from __future__ import annotations

import html
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from rbtlive.core.state.record import column, floats
from rbtlive.model.arrays import np
from rbtlive.research.explaining.causes import Circumstances
from rbtlive.research.explaining.money import (
    Part,
    difference_of,
    money_by_cause,
)
from rbtlive.research.figures.figure_style import GAIN, OTHER, plotly, styled
from rbtlive.research.figures.shown import shown
from rbtlive.research.reports.drawing import TWO_WIDTHS, Line, lines
from rbtlive.research.reports.writing import money, table
from rbtlive.research.result import BacktestResult
from rbtlive.research.result_frames import TIME, frame_of_columns
from rbtlive.research.trades import PROFIT


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """Explains why a session's profit differs from that of a backtest over the same
    sessions.

    Attributes:
        session: The session's result, up to the last session that both closed.
        backtest: The backtest's result, up to the same session.
        total: Profit of the session less profit of the backtest.
        parts: The parts of the difference, in time order.
        data: Bars that differ: `symbol`, `time`, `what` ("revised", "missing" in the
            session, or "extra"), `session` and `later`, closes.
    """

    session: BacktestResult
    backtest: BacktestResult
    total: Decimal
    parts: tuple[Part, ...]
    data: pl.DataFrame

    @property
    def differences(self) -> pl.DataFrame:
        """Each part: time, symbol, order_id, cause, money (session less backtest), and
        detail; the money adds up to `total`.
        """
        schema = {
            "time": TIME,
            "symbol": pl.String(),
            "order_id": pl.String(),
            "cause": pl.String(),
            "money": PROFIT,
            "detail": pl.String(),
        }
        names = list(schema)
        return frame_of_columns(schema, [[getattr(p, n) for p in self.parts] for n in names])

    @property
    def by_cause(self) -> pl.DataFrame:
        """The causes, the largest amount first: cause, differences, money."""
        found = money_by_cause(self.parts)
        schema = {"cause": pl.String(), "differences": pl.Int64(), "money": PROFIT}
        counts = [count for count, _money in found.values()]
        return frame_of_columns(schema, [list(found), counts, [m for _c, m in found.values()]])

    @property
    def first_divergence(self) -> Part | None:
        """The earliest difference, among simultaneous ones that with the most money;
        None if there is none.
        """
        timed = [(part.time, -abs(part.money), n) for n, part in enumerate(self.parts) if part.time]
        return self.parts[min(timed)[2]] if timed else None

    def verdict(self) -> str:
        """Return the outcome in one sentence."""
        if not self.parts:
            return "The session and the backtest earned the same."
        side = "more" if self.total > 0 else "less"
        first = self.first_divergence
        since = ""
        if first is not None:
            since = f" It began at {first.time:%Y-%m-%d %H:%M} with {first.symbol}: {first.detail}."
        return f"The session earned {money(abs(self.total))} {side} than the backtest.{since}"

    def plot(self) -> Any:
        """Return a plotly figure of the portfolio value of both.

        Raises:
            MissingExtra: plotly is not installed.
        """
        go = plotly()
        figure = go.Figure()
        for name, result, colour in (
            ("Session", self.session, GAIN),
            ("Backtest", self.backtest, OTHER),
        ):
            sessions = result.record.sessions
            values = floats(sessions, "portfolio_value")
            dates = column(sessions, "label")
            figure.add_trace(
                go.Scatter(x=dates, y=values, mode="lines", name=name, line={"color": colour})
            )
        first = self.first_divergence
        if first is not None:
            figure.add_vline(x=first.time.date() if first.time else None, line={"dash": "dot"})
        title = f"{self.session.strategy_name}: session and backtest"
        return shown(styled(figure, title, height=420))

    def _rows(self) -> list[tuple[str, str, str]]:
        found = money_by_cause(self.parts)
        rows = [(cause, f"{count:,}", money(value)) for cause, (count, value) in found.items()]
        return [*rows, ("total", f"{len(self.parts):,}", money(self.total))]

    def __repr__(self) -> str:
        rows = self._rows()
        wide = max(len(row[0]) for row in rows)
        lines = [f"  {cause:<{wide}}  {count:>6}  {text:>16}" for cause, count, text in rows]
        return "\n".join([f"Explanation: {self.verdict()}", *lines])

    def _repr_html_(self) -> str:
        worth = [
            np.array(floats(result.record.sessions, "portfolio_value"))
            for result in (self.session, self.backtest)
        ]
        picture = ""
        if len(worth[0]) == len(worth[1]):
            picture = lines(
                column(self.session.record.sessions, "label"),
                [Line(worth[0], "own", "Session"), Line(worth[1], "other", "Backtest")],
                words="Value of the session and of the backtest",
                height=220,
            )
        head = ("Cause", "Differences", "Money")
        style = (
            "<style scoped>.rbt-why svg{max-width:760px}.rbt-why polyline{fill:none}"
            ".rbt-why .own{stroke:#2f86c9}.rbt-why .other{stroke:#8c8c8c}"
            ".rbt-why .grid{stroke:#8884}.rbt-why text{fill:#888;font-size:11px}"
            ".rbt-why table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
            ".rbt-why :is(th,td){padding:.15em 1.2em .15em 0;text-align:right}"
            ".rbt-why :is(th,td):first-child{text-align:left}"
            ".rbt-why .legend span{margin-right:1.2em;color:#888;font-size:12px}"
            ".rbt-why .key{display:inline-block;width:1.2em;height:3px;margin-right:.4em;"
            "vertical-align:middle}.rbt-why .key.own{background:#2f86c9}"
            ".rbt-why .key.other{background:#8c8c8c}"
            f"{TWO_WIDTHS}</style>"
        )
        body = f"<p>{html.escape(self.verdict())}</p>{table(head, self._rows())}{picture}"
        return f'{style}<div class="rbt-why">{body}</div>'


def explanation_of(
    session: BacktestResult,
    backtest: BacktestResult,
    known: Circumstances,
    data: pl.DataFrame,
) -> Explanation:
    """Return why the profit of `session` differs from that of `backtest`.

    Args:
        session: The session's result, up to its last closed session.
        backtest: The backtest's result, over the same sessions.
        known: Other known facts about the session.
        data: Bars that differ.
    """
    bars = session.bars, backtest.bars
    parts, total = difference_of(session.record, backtest.record, known, bars)
    return Explanation(session, backtest, total, tuple(parts), data)
