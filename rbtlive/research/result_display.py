"""The display of results and reports: a few lines in a terminal, a small table in a
notebook.

The rule: every text is escaped, nothing is loaded from anywhere, and showing a result
computes no frame.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

from rbtlive.core.state.record import RunRecord
from rbtlive.research import expanding
from rbtlive.research.reports.writing import percent
from rbtlive.research.result_frames import daily_returns
from rbtlive.research.static_chart import EquityCurve, equity_curve_html
from rbtlive.research.statistics.annual import row_word, rows_a_year

_BESIDE = "display:flex;flex-wrap:wrap;gap:.4em 2.5em;align-items:center"
_TABLE = "border-collapse:collapse;margin:.4em 0;font-variant-numeric:tabular-nums"
_LABEL = "text-align:left;padding:.15em 1.2em .15em 0;opacity:.7;font-weight:normal"
_CELL = "text-align:right;padding:.15em 0"
_TITLE = "text-align:left;padding:.2em 0;font-weight:600"


def result_text(record: RunRecord) -> str:
    """Return a result in a few lines of text."""
    rows = _result_rows(record)
    width = max(len(label) for label, _ in rows)
    return "\n".join(
        [
            f"BacktestResult {record.strategy_name}",
            *(f"  {label:<{width}}  {text}" for label, text in rows),
        ]
    )


def result_html(record: RunRecord) -> str:
    """Return a result as a small HTML table with its equity curve beside it."""
    table = table_html(record.strategy_name, _result_rows(record))
    picture = equity_curve_html(_equity_curve(record))
    return f'<div style="{_BESIDE}">{table}<div>{picture}</div></div>' if picture else table


def table_html(title: str, rows: Iterable[Sequence[str]]) -> str:
    """Return an HTML table with a title, and a label and one or more cells per row;
    every text is escaped.
    """
    rows = list(rows)
    width = max((len(row) for row in rows), default=2)
    lines = [
        f'<tr><th scope="row" align="left" style="{_LABEL}">{html.escape(row[0])}</th>'
        + "".join(f'<td align="right" style="{_CELL}">{html.escape(cell)}</td>' for cell in row[1:])
        + "</tr>"
        for row in rows
    ]
    head = f'<tr><th colspan="{width}" align="left" style="{_TITLE}">{html.escape(title)}</th></tr>'
    return f'<table style="{_TABLE}"><thead>{head}</thead><tbody>{"".join(lines)}</tbody></table>'


def _equity_curve(record: RunRecord) -> EquityCurve:
    sessions = record.sessions
    return EquityCurve(
        points=[(float(number), float(row.portfolio_value)) for number, row in enumerate(sessions)],
        first=str(sessions[0].label) if sessions else "",
        last=str(sessions[-1].label) if sessions else "",
        base=float(record.settings.capital_base),
        depths=expanding.drawdowns(daily_returns(sessions)).tolist(),
    )


def _result_rows(record: RunRecord) -> list[tuple[str, str]]:
    sessions = record.sessions
    if not sessions:
        return [("period", "no session finished"), ("orders", _orders_text(record)), ("fills", "0")]
    returns = daily_returns(sessions)
    scale = math.sqrt(rows_a_year(record.settings) / expanding.SESSIONS_A_YEAR)
    sharpe = float(expanding.sharpe(returns)[-1]) * scale
    plural, word = "" if len(sessions) == 1 else "s", row_word(record.settings)
    return [
        (
            "period",
            f"{sessions[0].label} to {sessions[-1].label} ({len(sessions):,} {word}{plural})",
        ),
        ("value", f"{sessions[-1].portfolio_value:,.2f}"),
        ("return", percent(sessions[-1].total_return)),
        ("sharpe", f"{sharpe:.2f}" if math.isfinite(sharpe) else "–"),  # noqa: RUF001
        ("drawdown", percent(float(expanding.max_drawdown(returns)[-1]))),
        ("orders", _orders_text(record)),
        ("fills", f"{len(record.transactions):,}"),
    ]


def _orders_text(record: RunRecord) -> str:
    denied = f" ({len(record.denied):,} denied)" if record.denied else ""
    return f"{len(record.orders):,}{denied}"
