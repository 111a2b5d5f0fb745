"""The report of a run: one self-contained page, for screens and paper."""

from __future__ import annotations

import html
import platform
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

import polars as pl

from rbtlive.core.state.record import column
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.arrays import np
from rbtlive.research import expanding
from rbtlive.research.figures.value import shade
from rbtlive.research.parameters import PARAMETER, parameters_of
from rbtlive.research.reports.drawing import Line, histogram, lines
from rbtlive.research.reports.factor_page import factor_section
from rbtlive.research.reports.style import STYLE
from rbtlive.research.reports.writing import DASH, by_unit, cell, money, percent, section, table
from rbtlive.research.result_frames import benchmark_returns, daily_returns
from rbtlive.research.run_bars import traded_symbols
from rbtlive.research.statistics.annual import half_a_year, row_word, spans_a_month
from rbtlive.research.statistics.periods import MONTHS
from rbtlive.research.statistics.table import FACTS, SECTIONS

if TYPE_CHECKING:
    from rbtlive.research.factor_sheet import FactorSheet
    from rbtlive.research.parity_report import ParityReport
    from rbtlive.research.result_tables import ResultTables

_TRADES_SHOWN = 60
_TILES = (
    ("total_return", "Return"),
    ("annual_return", "A year"),
    ("max_drawdown", "Max drawdown"),
    ("sharpe", "Sharpe"),
    ("annual_volatility", "Volatility"),
    ("trades", "Trades"),
    ("win_rate", "Win rate"),
    ("profit_factor", "Profit factor"),
)


def report_page(
    result: ResultTables, parity: ParityReport | None = None, sheets: Sequence[FactorSheet] = ()
) -> str:
    """Return the report as an HTML page.

    Args:
        result: The run.
        parity: The parity report of a session; None for a backtest.
        sheets: Sheets of the strategy's factors.
    """
    title = html.escape(result.strategy_name)
    sections = (
        _headline, _hints, _equity, _months, _falls, _returns, _price, _trades, _groups, _money,
        _statistics, _settings,
    )  # fmt: skip
    body = "".join(part for write in sections for part in write(result))
    judged = "" if parity is None else section("Parity", _parity(parity))
    factors = "".join(factor_section(sheet) for sheet in sheets)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main>{body}{factors}{judged}{_provenance(result)}"
        "</main></body></html>"
    )


def _headline(result: ResultTables) -> Iterator[str]:
    record = result.record
    values = {name: value for name, value, _unit in result.stats.iter_rows()}
    sessions = record.sessions
    if not spans_a_month(record.settings, len(sessions)):
        values["annual_return"] = None
    span = "no session finished"
    if sessions:
        days = column(sessions, "label")
        last = column(sessions, "portfolio_value")[-1]
        span = (
            f"{days[0]} to {days[-1]}, {len(days):,} {row_word(record.settings)}"
            f"{'s' * (len(days) > 1)} · from "
            f"{money(record.settings.capital_base)} to {money(last)}"
        )
    yield f"<header><h1>{html.escape(result.strategy_name)}</h1><p>{html.escape(span)}</p></header>"
    tiles = (
        f"<div><b>{by_unit(values[name], FACTS[name][0])}</b><span>{label}</span></div>"
        for name, label in _TILES
    )
    yield f'<div class="tiles">{"".join(tiles)}</div>'


def _hints(result: ResultTables) -> Iterator[str]:
    rows = "".join(
        f"<li>{html.escape(_of(hint, 'text'))} <em>{html.escape(_of(hint, 'remedy'))}</em></li>"
        for hint in result.hints
    )
    yield section("Worth knowing", f'<ul class="hints">{rows}</ul>' if rows else "")


def _of(hint: object, name: str) -> str:
    return str(getattr(hint, name, "") if not isinstance(hint, str) else hint * (name == "text"))


def _equity(result: ResultTables) -> Iterator[str]:
    sessions = result.record.sessions
    dates = column(sessions, "label")
    worth = np.array([float(value) for value in column(sessions, "portfolio_value")])
    drawn = [Line(worth, "own", "Portfolio")]
    benchmark = benchmark_returns(sessions)
    if benchmark is not None:
        grown = float(result.record.settings.capital_base) * (
            1.0 + expanding.cumulative_returns(benchmark)
        )
        drawn.append(Line(grown, "other", result.record.settings.benchmark or "Benchmark"))
    depths = np.nan_to_num(expanding.drawdowns(daily_returns(sessions)))
    yield section(
        "Value and drawdown",
        lines(dates, drawn, words="Portfolio value", height=300)
        + lines(
            dates,
            [Line(depths, "loss", filled=True)],
            words="Drawdown",
            percent=True,
            height=130,
        ),
    )


def _months(result: ResultTables) -> Iterator[str]:
    frame = result.monthly
    if frame.is_empty():
        return
    rows = frame.rows()
    largest = max((abs(v) for row in rows for v in row[1:13] if v is not None), default=0.0) or 1.0
    head = "".join(f"<th>{name.capitalize()}</th>" for name in ("", *MONTHS, "year"))
    body = "".join(
        f"<tr><th scope='row'>{row[0]}</th>{''.join(_month(v, largest) for v in row[1:])}</tr>"
        for row in rows
    )
    yield section(
        "Returns by month",
        f'<table class="heat"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>',
    )


def _month(value: float | None, largest: float) -> str:
    if value is None:
        return "<td></td>"
    return f'<td style="background:{shade(value, largest)}">{round(value * 100, 1) + 0.0:.1f}</td>'


def _falls(result: ResultTables) -> Iterator[str]:
    worst = [
        (
            percent(row["depth"]),
            row["peak"],
            row["valley"],
            row["recovery"] or "not yet",
            row["days"],
        )
        for row in result.drawdowns.head(5).iter_rows(named=True)
    ]
    names = ("Depth", "High", "Low", "Recovered", "Days")
    yield section("Deepest drawdowns", table(names, worst) if worst else "")
    crises = [
        (
            row["crisis"],
            row["start"],
            row["end"],
            percent(row["return"]),
            percent(row["benchmark_return"]),
            percent(row["max_drawdown"]),
        )
        for row in result.crises.iter_rows(named=True)
    ]
    head = ("Crisis", "From", "To", "Return", "Benchmark", "Drawdown")
    yield section("In known crises", table(head, crises) if crises else "")


def _returns(result: ResultTables) -> Iterator[str]:
    sessions, settings = result.record.sessions, result.record.settings
    word = row_word(settings)
    yield section(
        f"Returns of {word}s",
        histogram(daily_returns(sessions), words=f"How often each return of a {word} occurred"),
    )
    window = max(2, min(half_a_year(settings), len(sessions) // 2))
    rolling = result.rolling(window)["sharpe"].fill_null(float("nan")).to_numpy()
    drawing = lines(
        column(sessions, "label"),
        [Line(rolling, "own")],
        words="Rolling Sharpe ratio",
        height=170,
    )
    yield section(f"Sharpe ratio over {window} {word}s", drawing)


def _price(result: ResultTables) -> Iterator[str]:
    record = result.record
    symbols = traded_symbols(record)
    if result.bars is None or not symbols or len(record.sessions) < 2:
        return
    symbol = symbols[0]
    closes = np.array([us_of(moment) for moment in column(record.sessions, "close")])
    seen = result.bars.of(symbol)
    if not len(seen.us):
        return
    places = np.searchsorted(seen.us, closes, side="right") - 1
    prices = np.where(places >= 0, seen.close[np.maximum(places, 0)], np.nan)
    fills = [fill for fill in record.transactions if fill.asset.symbol == symbol]
    paid = np.array([float(fill.price) for fill in fills])
    fills_us = np.array([us_of(fill.dt) for fill in fills])
    splits = [(us, ratio) for us, ratio in result.bars.splits(symbol) if us <= closes[-1]]
    # In units of later shares: otherwise a split would look like a fall.
    for us, ratio in splits:
        prices[closes < us] *= ratio
        paid[fills_us < us] *= ratio
    marks = [
        (spot, price, fill.amount > 0)
        for spot, price, fill in zip(
            np.searchsorted(closes, fills_us).tolist(), paid.tolist(), fills, strict=True
        )
        if spot < len(closes)
    ]
    every = max(1, len(marks) // 150)
    drawing = lines(
        column(record.sessions, "label"),
        [Line(prices, "own")],
        words=f"Price of {symbol} with fills",
        height=260,
        marks=marks[::every],
    )
    note = f" (each {every}th fill)" if every > 1 else ""
    note += ", restated for splits" if splits else ""
    yield section(f"{symbol}: price and fills{note}", drawing)


def _trades(result: ResultTables) -> Iterator[str]:
    trades = result.trades
    if trades.is_empty():
        return
    shown = trades.tail(_TRADES_SHOWN)
    rows = [
        (
            row["symbol"], row["side"], row["quantity"], row["entry_time"],
            row["exit_time"] or "open", row["entry_price"], row["exit_price"],
            money(row["net_profit"]), percent(row["return"]), row["duration"],
            percent(row["mae"]), percent(row["mfe"]),
            " → ".join(tag for tag in (row["entry_tag"], row["exit_tag"]) if tag) or DASH,
        )
        for row in shown.iter_rows(named=True)
    ]  # fmt: skip
    head = (
        "Symbol", "Side", "Quantity", "Entry", "Exit", "At", "Out at", "Net profit", "Return",
        "Held", "MAE", "MFE", "Tags",
    )  # fmt: skip
    title = (
        "Trades"
        if len(shown) == len(trades)
        else f"The last {len(shown)} of {len(trades):,} trades"
    )
    yield section(title, table(head, rows, style="small"))


def _groups(result: ResultTables) -> Iterator[str]:
    if result.trades.filter(~pl.col("open")).is_empty():
        return
    parts = []
    for group in ("symbol", "side", "weekday"):
        by, falling = (group, False) if group == "weekday" else ("net_profit", True)
        frame = result.trades_by(group).sort(by, descending=falling).head(20)
        rows = [
            (
                str(row[group]) if group != "weekday" else _DAYS[row[group] - 1],
                row["trades"],
                percent(row["win_rate"]),
                money(row["net_profit"]),
                percent(row["mean_return"]),
                by_unit(row["profit_factor"], "ratio"),
            )
            for row in frame.iter_rows(named=True)
        ]
        head = (group.capitalize(), "Trades", "Win rate", "Net profit", "Mean", "Profit factor")
        parts.append(table(head, rows))
    yield section("Trades by symbol, side and weekday", "".join(parts))


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _money(result: ResultTables) -> Iterator[str]:
    names = {
        "closed_profit": "Profit of closed trades, before costs",
        "open_profit": "Profit of open trades, before costs",
        "commissions": "Commissions",
        "dividends": "Dividends",
        "fees": "Fees",
        "interest": "Interest",
        "transfers": "Transfers",
        "change_of_equity": "Change of equity",
    }
    rows = [(names[name], money(value)) for name, value in result.profit_bridge.items()]
    yield section("Where the money came from", table(("", "Money"), rows, style="bridge"))


def _statistics(result: ResultTables) -> Iterator[str]:
    values = {name: value for name, value, _unit in result.stats.iter_rows()}
    parts = []
    for title, facts in SECTIONS.items():
        rows = [
            (name.replace("_", " "), by_unit(values[name], unit), meaning)
            for name, (unit, meaning) in facts.items()
            if values[name] is not None
        ]
        if rows:
            parts.append(f"<div>{table((title, '', ''), rows, style='facts')}</div>")
    yield section("Statistics", f'<div class="columns">{"".join(parts)}</div>')


def _settings(result: ResultTables) -> Iterator[str]:
    rows = [
        (name.replace("_", " "), _setting(value))
        for name, value in result.settings.items()
        if value is not None and name != "params"
    ]
    rows += [(f"parameter {name}", text) for name, text in parameters_of(result).items()]
    yield section("Settings", table(("", ""), rows, style="facts"))


def _setting(value: object) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    shown = cell(value)
    return shown if " object at 0x" not in shown else type(value).__name__


def _parity(parity: ParityReport) -> str:
    first = parity.first_difference
    rows = [("Verdict", parity.verdict())]
    if first is not None:
        rows.append(("First difference", str(first)))
    rows += [("Not compared", sentence) for sentence in parity.not_compared]
    return table(("", ""), rows, style="facts")


def _provenance(result: ResultTables) -> str:
    packages: dict[str, Callable[[], str]] = {
        name: lambda name=name: version(name)  # type: ignore[misc]
        for name in ("rbtlive", "polars", "exchange_calendars", "empyrical-reloaded")
    }
    facts = {
        name: text for name, text in result.provenance.items() if not name.startswith(PARAMETER)
    }
    facts["versions"] = ", ".join(
        [f"Python {platform.python_version()}", *(f"{n} {read()}" for n, read in packages.items())]
    )
    rows = list(facts.items())
    return section("Provenance", table(("", ""), rows, style="facts mono"))
