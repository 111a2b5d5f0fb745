"""Runs side by side, differences first."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from rbtlive.core.state.record import column
from rbtlive.errors import SettingsError
from rbtlive.model.arrays import NDArray, np
from rbtlive.research.parameters import parameters_of
from rbtlive.research.reports.drawing import TWO_WIDTHS, Line, lines
from rbtlive.research.reports.writing import by_unit, cell, table
from rbtlive.research.result import BacktestResult
from rbtlive.research.statistics.annual import spans_a_month
from rbtlive.research.statistics.table import FACTS
from rbtlive.research.summary import RATES_A_YEAR

_MAIN = (
    "total_return",
    "annual_return",
    "annual_volatility",
    "sharpe",
    "max_drawdown",
    "trades",
    "win_rate",
    "profit_factor",
    "commission",
    "exposure",
    "turnover",
)

_COLOURS = ("#2f86c9", "#d9730d", "#2a9d8f", "#9467bd", "#8c8c8c", "#b5a000")
_STYLE = (
    ".rbt-runs{max-width:900px}.rbt-runs table{border-collapse:collapse}"
    ".rbt-runs th,.rbt-runs td{text-align:right;padding:2px 12px 2px 0;font-weight:400}"
    ".rbt-runs th:first-child{text-align:left}.rbt-runs td{font-variant-numeric:tabular-nums}"
    ".rbt-runs svg{display:block;width:100%;height:auto;margin-top:10px}"
    ".rbt-runs svg text{fill:#7a7a7a;font-size:12px}"
    ".rbt-runs .grid{stroke:rgba(128,128,128,.25);fill:none}"
    ".rbt-runs polyline{fill:none;stroke-width:1.6;stroke-linejoin:round}"
    ".rbt-runs .legend{margin:4px 0;text-align:right}.rbt-runs .legend span{margin-left:16px}"
    ".rbt-runs .key{display:inline-block;width:18px;height:3px;margin-right:6px;"
    "vertical-align:middle}"
) + TWO_WIDTHS


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Several runs side by side.

    Attributes:
        names: Names of the runs.
        settings: Differences between strategies, settings and parameters: `setting` and
            one column per run.
        stats: Every statistic: `statistic`, `unit`, one column per run, and `same`;
            those that differ come first.
        equity: `date` and the portfolio's value of each run.
        first_difference: The first session in which the runs' values differ; None if
            there is none.
    """

    names: tuple[str, ...]
    settings: pl.DataFrame
    stats: pl.DataFrame
    equity: pl.DataFrame
    first_difference: Any
    _below_a_month: frozenset[str] = frozenset()

    def verdict(self) -> str:
        """Return the outcome in one sentence."""
        differ = self.stats.filter(~pl.col("same")).height
        if not differ and self.first_difference is None:
            return f"{len(self.names)} runs with the same figures."
        since = "" if self.first_difference is None else f" since {self.first_difference}"
        return f"{differ} of {self.stats.height} statistics differ{since}."

    def _rows(self) -> list[tuple[str, ...]]:
        chosen = self.stats.filter(pl.col("statistic").is_in(_MAIN))
        rows = [
            (
                row["statistic"].replace("_", " "),
                *(by_unit(self._shown(row, name), row["unit"]) for name in self.names),
            )
            for row in chosen.iter_rows(named=True)
        ]
        differing = [
            (row["setting"], *(str(row[name]) for name in self.names))
            for row in self.settings.iter_rows(named=True)
        ]
        return differing + rows

    def _shown(self, row: dict[str, Any], name: str) -> float | None:
        without = row["statistic"] in RATES_A_YEAR and name in self._below_a_month
        return None if without else row[name]

    def __repr__(self) -> str:
        rows = [("", *self.names), *self._rows()]
        widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0])]
                + [text.rjust(wide) for text, wide in zip(row[1:], widths[1:], strict=True)]
            ).rstrip()
            for row in rows
        ]
        return "\n".join([f"Comparison: {self.verdict()}", *lines])

    def _repr_html_(self) -> str:
        colours = {
            f"run{place}": _COLOURS[place % len(_COLOURS)] for place in range(len(self.names))
        }
        style = _STYLE + "".join(
            f".rbt-runs polyline.{name}{{stroke:{colour}}}.rbt-runs .{name}{{background:{colour}}}"
            for name, colour in colours.items()
        )
        drawn = [
            Line(_growth(self.equity[name]), style=key, name=name)
            for name, key in zip(self.names, colours, strict=True)
        ]
        dates = self.equity["date"].to_list()
        picture = lines(dates, drawn, words="Growth of the runs", percent=True)
        return (
            f'<div class="rbt-runs"><style>{style}</style>'
            f"<p>{html.escape(self.verdict())}</p>"
            f"{table(('', *self.names), self._rows())}{picture}</div>"
        )


def compare(*runs: Any, names: Sequence[str] | None = None) -> Comparison:
    """Compare results and sessions side by side, differences first.

    Args:
        runs: Two or more results, or sessions (their `result()` is used); or a list of
            them, or a dict by name.
        names: Names of the runs; by default the strategies' names, numbered if equal.

    Raises:
        SettingsError: there are fewer than two, one is not a run, or `names` do not
            fit.
    """
    if len(runs) == 1 and isinstance(runs[0], Mapping) and names is None:
        runs, names = tuple(runs[0].values()), [str(name) for name in runs[0]]
    elif len(runs) == 1 and isinstance(runs[0], (list, tuple)):
        runs = tuple(runs[0])
    results = [run if isinstance(run, BacktestResult) else _result_of(run) for run in runs]
    if len(results) < 2:
        raise SettingsError(f"compare() takes two runs or more: was {len(results)}")
    called = tuple(names) if names is not None else _names_of(runs, results)
    if len(called) != len(results) or len(set(called)) != len(called):
        raise SettingsError(
            f"names must be {len(results)} different names: was {list(called)} in compare()"
        )
    equity = _equity(results, called)
    below_a_month = frozenset(
        name
        for name, result in zip(called, results, strict=True)
        if not spans_a_month(result.record.settings, len(result.record.sessions))
    )
    return Comparison(
        called,
        _settings(results, called),
        _stats(results, called),
        equity,
        _first(equity, called),
        below_a_month,
    )


def _result_of(run: object) -> BacktestResult:
    read = getattr(run, "result", None)
    result = read() if callable(read) else None
    if not isinstance(result, BacktestResult):
        raise SettingsError(
            f"compare() takes results and sessions: was {run!r:.80} ({type(run).__name__})"
        )
    return result


def _names_of(runs: Sequence[Any], results: Sequence[BacktestResult]) -> tuple[str, ...]:
    plain = [
        str(getattr(run, "name", "")) or result.strategy_name
        for run, result in zip(runs, results, strict=True)
    ]
    if len(set(plain)) == len(plain):
        return tuple(plain)
    return tuple(f"{name} {number}" for number, name in enumerate(plain, start=1))


def _settings(results: Sequence[BacktestResult], names: Sequence[str]) -> pl.DataFrame:
    facts = [
        {"strategy": result.strategy_name}
        | {name: _said(value) for name, value in result.settings.items() if name != "params"}
        | {f"param {name}": text for name, text in parameters_of(result).items()}
        for result in results
    ]
    keys = dict.fromkeys(key for fact in facts for key in fact)
    rows = [(key, *(fact.get(key, "–") for fact in facts)) for key in keys]  # noqa: RUF001
    rows = [row for row in rows if len(set(row[1:])) > 1]
    schema = dict.fromkeys(("setting", *names), pl.String())
    return pl.DataFrame(rows, schema=schema, orient="row")


def _said(value: object) -> str:
    text = cell(value) if isinstance(value, Decimal) else str(value)
    return type(value).__name__ if " object at 0x" in text else text


def _stats(results: Sequence[BacktestResult], names: Sequence[str]) -> pl.DataFrame:
    columns = [dict(r.stats.select("statistic", "value").iter_rows()) for r in results]
    rows = []
    for name, (unit, _meaning) in FACTS.items():
        values = [column[name] for column in columns]
        rows.append((name, unit, *values, all(value == values[0] for value in values)))
    schema = {
        "statistic": pl.String(),
        "unit": pl.String(),
        **dict.fromkeys(names, pl.Float64()),
        "same": pl.Boolean(),
    }
    return pl.DataFrame(rows, schema=schema, orient="row").sort("same", maintain_order=True)


def _equity(results: Sequence[BacktestResult], names: Sequence[str]) -> pl.DataFrame:
    joined: pl.DataFrame | None = None
    for name, result in zip(names, results, strict=True):
        sessions = result.record.sessions
        worth = np.array([float(value) for value in column(sessions, "portfolio_value")])
        frame = pl.DataFrame(
            {"date": pl.Series(column(sessions, "label"), dtype=pl.Date), name: worth}
        )
        joined = (
            frame
            if joined is None
            else joined.join(frame, on="date", how="full", coalesce=True).sort("date")
        )
    assert joined is not None
    return joined


def _first(equity: pl.DataFrame, names: Sequence[str]) -> Any:
    differs = pl.any_horizontal([pl.col(names[0]).ne_missing(pl.col(name)) for name in names[1:]])
    apart = equity.filter(differs)
    return None if apart.is_empty() else apart["date"][0]


# Runs may differ in capital and start: each line shows the gain on its first value.
def _growth(worth: pl.Series) -> NDArray[np.float64]:
    values: NDArray[np.float64] = worth.fill_null(float("nan")).to_numpy()
    known = values[np.isfinite(values)]
    return values / known[0] - 1.0 if len(known) and known[0] else values
