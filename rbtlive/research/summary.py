"""The summary of a result: figures, trades, costs, and hints.

The rule: it needs no library that is slow to import, and leaves out figures that do not
exist.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from rbtlive.core.state.record import column
from rbtlive.model.arrays import np
from rbtlive.research import expanding, result_display
from rbtlive.research.reports.writing import by_unit
from rbtlive.research.result_frames import benchmark_returns, daily_returns
from rbtlive.research.statistics.annual import rows_a_year, spans_a_month
from rbtlive.research.statistics.drawdowns import drawdowns_of
from rbtlive.research.statistics.returns import Values
from rbtlive.research.statistics.trading import (
    cost_statistics,
    holding_statistics,
    trade_statistics,
)

if TYPE_CHECKING:
    from rbtlive.research.result_tables import ResultTables

_BESIDE = "display:flex;flex-wrap:wrap;gap:.4em 2.5em;align-items:flex-start"
_HINTS = "margin:.2em 0 .4em;padding-left:1.2em;max-width:60em"
_SHOWN_HINTS = 5
# For a run of less than a month, annualised figures mean nothing.
RATES_A_YEAR = dict.fromkeys(("annual_return", "calmar", "turnover"))


class _Line(NamedTuple):
    label: str
    name: str
    unit: str


_RETURNS = (
    _Line("a year", "annual_return", "fraction"),
    _Line("benchmark", "benchmark_return", "fraction"),
    _Line("buy and hold", "buy_and_hold_return", "fraction"),
    _Line("volatility", "annual_volatility", "fraction"),
    _Line("sortino", "sortino", "ratio"),
    _Line("calmar", "calmar", "ratio"),
    _Line("longest drawdown", "max_drawdown_days", "days"),
    _Line("exposure", "exposure", "fraction"),
)
_TRADES = (
    _Line("trades closed", "trades", "count"),
    _Line("open", "open_trades", "count"),
    _Line("won", "win_rate", "fraction"),
    _Line("profit factor", "profit_factor", "ratio"),
    _Line("profit a trade", "expectancy", "money"),
    _Line("best trade", "best_trade", "fraction"),
    _Line("worst trade", "worst_trade", "fraction"),
    _Line("held on average", "mean_days_held", "days"),
)
_COSTS = (
    _Line("commission", "commission", "money"),
    _Line("slippage", "slippage", "money"),
    _Line("turnover a year", "turnover", "ratio"),
)
_SECTIONS = {"Return and risk": _RETURNS, "Trades": _TRADES, "Costs": _COSTS}


def summary_text(result: ResultTables) -> str:
    """Return a result in some lines of text: its `repr`, figures, trades, hints."""
    values = _values(result)
    lines = [result_display.result_text(result.record)]
    for title, rows in _sections(values):
        width = max(len(label) for label, _text in rows)
        lines += [f"\n{title}", *(f"  {label:<{width}}  {text}" for label, text in rows)]
    hints = result.hints
    if hints:
        lines += ["\nHints", *(f"  {hint}" for hint in hints[:_SHOWN_HINTS]), *_more(len(hints))]
    return "\n".join(lines)


def summary_html(result: ResultTables) -> str:
    """Return a result as tables with its equity curve, followed by its hints."""
    tables = "".join(
        f"<div>{result_display.table_html(title, rows)}</div>"
        for title, rows in _sections(_values(result))
    )
    hints = result.hints
    notes = "".join(f"<li>{html.escape(str(hint))}</li>" for hint in hints[:_SHOWN_HINTS])
    notes += "".join(f"<li>{html.escape(text.strip())}</li>" for text in _more(len(hints)))
    listed = f'<ul style="{_HINTS}">{notes}</ul>' if notes else ""
    beside = f'<div style="{_BESIDE}">{tables}</div>' if tables else ""
    return f"<div>{result_display.result_html(result.record)}{beside}{listed}</div>"


def _more(count: int) -> Iterator[str]:
    if count > _SHOWN_HINTS:
        yield f"  and {count - _SHOWN_HINTS} more: see .hints"


def _sections(values: Values) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for title, lines in _SECTIONS.items():
        rows = [
            (line.label, _days(value) if line.unit == "days" else by_unit(value, line.unit))
            for line in lines
            if (value := values.get(line.name)) is not None and math.isfinite(value)
        ]
        if rows:
            yield title, rows


def _days(days: float) -> str:
    if 0 < days < 1 / 24:
        return f"{days * 24 * 60:.3g} minutes"
    if 0 < days < 1:
        return f"{days * 24:.3g} hours"
    return f"{by_unit(days, 'days')} day{'s' * (days != 1)}"


def _values(result: ResultTables) -> Values:
    record, bars = result.record, result.bars
    if not record.sessions:
        return {}
    returns = daily_returns(record.sessions)
    a_year = rows_a_year(record.settings)
    values = _of_returns(returns, a_year)
    benchmark = benchmark_returns(record.sessions)
    if benchmark is not None:
        values["benchmark_return"] = float(np.prod(1.0 + np.nan_to_num(benchmark)) - 1.0)
    falls = drawdowns_of(returns, column(record.sessions, "label"))
    values["max_drawdown_days"] = float(max((fall.days for fall in falls), default=0))
    values |= holding_statistics(record, bars)
    values |= cost_statistics(record, bars, returns, a_year)
    if not spans_a_month(record.settings, len(returns)):
        values |= RATES_A_YEAR
    if not record.transactions:
        return {name: values.get(name) for name in _ALWAYS}
    return values | trade_statistics(result.trades)


# For a run without trades, only the returns of holding and of the benchmark are shown.
_ALWAYS = ("benchmark_return", "buy_and_hold_return")


def _of_returns(returns: expanding.Floats, a_year: int) -> Values:
    scale = math.sqrt(a_year / expanding.SESSIONS_A_YEAR)
    grown = float(np.prod(1.0 + np.nan_to_num(returns)))
    annual = grown ** (a_year / len(returns)) - 1.0 if grown > 0.0 else None
    deepest = float(expanding.max_drawdown(returns)[-1])
    return {
        "annual_return": annual,
        "annual_volatility": float(expanding.annual_volatility(returns)[-1]) * scale,
        "sortino": float(expanding.sortino(returns)[-1]) * scale,
        "calmar": annual / -deepest if annual is not None and deepest else None,
    }
